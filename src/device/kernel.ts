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

interface KernelBase {
  readonly out: Shape
  /** How each input lies in its buffer; null for an input that is passed as a number (`map` only). */
  readonly inputs: readonly (View | null)[]
}

/** One expression per element, over the inputs `a`, `b`, `c`, ... and the output coordinates `i0`, `i1`, ... */
export interface MapKernel extends KernelBase {
  readonly kind: 'map'
  /** In the subset of JavaScript that gpu.js accepts, for example `'a > 0 ? a : 0.0'`. */
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
 * those places. `put`: (g, index) to a plane with g added at those places. `sum`: x to the sum over each window.
 * `spread`: g to a plane with each g added to every place of its window.
 */
export interface PoolKernel extends KernelBase, Window {
  readonly kind: 'pool'
  readonly pass: 'maxIndex' | 'take' | 'put' | 'sum' | 'spread'
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
