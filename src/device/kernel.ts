import type { Shape } from '../shape.ts'
import type { View } from '../view.ts'

/**
 * What a device can be asked to compute: a closed list of structured kernels over views of flat buffers. The output
 * is always contiguous in `out`. Devices without a form of their own run the text that `device/text` prints.
 */
export type Kernel =
  | MapKernel
  | ReduceKernel
  | ConcatKernel
  | MatmulKernel
  | Conv2dKernel
  | PoolKernel
  | GatherKernel
  | ScatterKernel
  | ArgsortKernel
  | DeviationKernel
  | FusedKernel
  | ChainKernel
  | BatchKernel

interface KernelBase {
  readonly out: Shape
  /** How each input lies in its buffer; null for an input that is passed as a number (`map` only). */
  readonly inputs: readonly (View | null)[]
}

/** One expression per element, over the inputs `a`, `b`, `c`, ... and the output coordinates `i0`, `i1`, ... */
export interface MapKernel extends KernelBase {
  readonly kind: 'map'
  /**
   * In the subset of JavaScript that gpu.js accepts, for example `'a > 0 ? a : 0.0'`, and with the calls that
   * `text/special.ts` writes out: `erf(a)`, `expm1(a)`, `sigmoid(a)`, ...
   */
  readonly expr: string
}

/** `inputs[0]` reduced over `dims`; `argmax` and `argmin` give the first extreme's position along the one dim. */
export interface ReduceKernel extends KernelBase {
  readonly kind: 'reduce'
  readonly op: 'sum' | 'max' | 'min' | 'argmax' | 'argmin'
  readonly dims: readonly number[]
}

/** The inputs one after the other along `dim`. */
export interface ConcatKernel extends KernelBase {
  readonly kind: 'concat'
  readonly dim: number
}

/** [..., M, K] times [..., K, N]; both inputs have the output's batch dims (stride 0 where broadcast). */
export interface MatmulKernel extends KernelBase {
  readonly kind: 'matmul'
}

/** How a window moves over a plane; all pairs are [height, width]. */
export interface Window {
  readonly stride: Pair
  readonly padding: Pair
  readonly dilation: Pair
}

export type Pair = readonly [height: number, width: number]

/**
 * The three products of a convolution y = conv2d(x, w): `forward` takes (x, w) and gives y, `inputGrad` takes (dy, w)
 * and gives dx, `weightGrad` takes (dy, x) and gives dw.
 */
export interface Conv2dKernel extends KernelBase, Window {
  readonly kind: 'conv2d'
  readonly pass: 'forward' | 'inputGrad' | 'weightGrad'
  readonly groups: number
}

/**
 * `maxIndex`: x to the place (h * W + w) of each window's first largest element. `take`: (x, index) to the elements at
 * those places. `max`: x to both, the values and the places (rich devices only). `put`: (g, index) to a plane with g added at those places. `sum`: x to the sum over each window.
 * `spread`: g to a plane with each g added to every place of its window.
 */
export interface PoolKernel extends KernelBase, Window {
  readonly kind: 'pool'
  readonly pass: 'maxIndex' | 'take' | 'max' | 'put' | 'sum' | 'spread'
  readonly kernelSize: Pair
}

/** (x, index): out[..., i, ...] = x[..., index[..., i, ...], ...] along `dim`. */
export interface GatherKernel extends KernelBase {
  readonly kind: 'gather'
  readonly dim: number
}

/** (x, index, src): x with src written (last wins) or added at index along `dim`. */
export interface ScatterKernel extends KernelBase {
  readonly kind: 'scatter'
  readonly dim: number
  readonly mode: 'write' | 'add'
}

/** The sum over the last dim of squared deviations from the mean over it. */
export interface DeviationKernel extends KernelBase {
  readonly kind: 'deviation'
}

/** Positions along `dim` in the order of x's values, stable, NaN largest; the first ones where `out` is shorter. */
export interface ArgsortKernel extends KernelBase {
  readonly kind: 'argsort'
  readonly dim: number
  readonly descending: boolean
}

/**
 * Elementwise maths and reductions over one index space. A value has a level: `element` (one per place of the space),
 * `row` (one per place of the dims that are not reduced) or `all` (one). What is of a row can be used at its elements,
 * but what is of all cannot be used below: it is known only at the end.
 */
export interface FusedKernel {
  readonly kind: 'fused'
  /** The index space. */
  readonly out: Shape
  /** Views over the whole space, with stride 0 along dims that they do not move along; null for a number. */
  readonly inputs: readonly (View | null)[]
  /** The dims, in order, that reductions over rows run along; with none, each element is a row. */
  readonly dims: readonly number[]
  /** In order. Operands are numbered: the inputs first, then the values. */
  readonly values: readonly FusedValue[]
  /** What is kept: one output each, contiguous in the shape of its level. */
  readonly stores: readonly Store[]
}

export type Level = 'element' | 'row' | 'all'

export type FusedValue =
  /** `expr` over `a`, `b`, `c`, ..., which are the operands in `args`, and the coordinates `i0`, `i1`, ... in the space. */
  | { readonly kind: 'map'; readonly expr: string; readonly args: readonly number[] }
  /**
   * Over the elements of each row, or over everything: with `from` 'element' the operand counts once per element, with
   * 'row' once per row, whatever it moves along itself.
   */
  | {
      readonly kind: 'reduce'
      readonly op: FusedReduction
      readonly arg: number
      readonly from: 'element' | 'row'
      readonly to: 'row' | 'all'
    }

export type FusedReduction = 'sum' | 'max' | 'min'

export interface Store {
  readonly value: number
  /** At least the value's own level: a value of a row may be stored at each of its elements. */
  readonly level: Level
}

/**
 * A product or a convolution and loops that read its result place by place: they may follow part by part, while it lies
 * in the cache. Rich devices only.
 */
export interface ChainKernel extends KernelBase {
  readonly kind: 'chain'
  /** The inputs of `first`, then those of `after` but for the link. */
  readonly first: MatmulKernel | Conv2dKernel
  readonly after: FusedKernel
  /** Which input of `after` is the result of `first`. */
  readonly link: number
  /** Whether the result of `first` is an output too, the first one. */
  readonly keeps: boolean
}

/**
 * The same elementwise maths on several sets of arrays, such as the update of all parameters. All arrays lie in order.
 * Rich devices only.
 */
export interface BatchKernel extends KernelBase {
  readonly kind: 'batch'
  /** The arrays of the first set, of the second, ..., then the numbers, which all sets share. Outputs likewise. */
  readonly inputs: readonly (View | null)[]
  /** The maths, as on the first set, over one dim. */
  readonly each: FusedKernel
  /** Elements of each set. */
  readonly sizes: readonly number[]
}
