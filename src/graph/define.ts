import type { Kernel } from '../device/kernel.ts'
import { ShapeError, showAll, ValueError } from '../errors.ts'
import type { Shape } from '../shape.ts'
import { type AnyTensor, type DType, Tensor } from '../tensor.ts'
import type { View } from '../view.ts'

/** An operation's settings: plain values, compared by their JSON text. */
export type Params = object

/** One gradient per input; null where there is none (labels, masks). */
export type Grads<I extends readonly AnyTensor[]> = { readonly [K in keyof I]: Tensor | null }

type Shapes<I extends readonly AnyTensor[]> = { readonly [K in keyof I]: Shape }

/** An operation with everything the engine and the tests need to know about it. */
export interface OpSpec<I extends readonly AnyTensor[], P extends Params, D extends DType> {
  /** What the inputs must be, in order; the last one counts for all further inputs. 'any' keeps what it is given. */
  readonly takes?: readonly (DType | 'any')[]
  /** What it makes; 'same' is the first input's. Default 'float'. */
  readonly gives?: D | 'same'
  /** The output's shape, or a ShapeError that says what does not fit. */
  shape(shapes: Shapes<I>, params: P): Shape
  /** How the values come about. */
  readonly forward: Forward<P>
  /**
   * The gradient in each input, as graph, from the upstream gradient `g` and the output `y`;
   * null where the operation has no derivative.
   */
  readonly vjp: ((g: Tensor, inputs: I, y: Tensor, params: P) => Grads<I>) | null
  readonly samples: Sampler
}

export type Forward<P> =
  /** A new view of the first input; null where its elements must be copied first. */
  | { readonly view: (view: View, params: P, out: Shape) => View | null }
  /** An expression per element over `a`, `b`, `c`, ... (of equal shape, or numbers) and the coordinates `i0`, `i1`, ... */
  | { readonly expr: string }
  /** A structured kernel. */
  | { readonly kernel: (inputs: readonly View[], out: Shape, params: P) => Kernel }

/** An operation with its types erased, as nodes carry it. */
export interface Op {
  readonly name: string
  readonly forward: Forward<Params>
  readonly vjp:
    | ((g: Tensor, inputs: readonly AnyTensor[], y: Tensor, params: Params) => readonly (Tensor | null)[])
    | null
}

/** Draws the sizes and settings of a test case; fast-check drives it, so that cases shrink. */
export interface Draw {
  /** A size: 1, primes, multiples of 4. */
  size(max?: number): number
  /** A shape of `least` to `most` dims. */
  shape(least: number, most: number): number[]
  int(low: number, high: number): number
  pick<T>(options: readonly T[]): T
}

/** One input of a test case: values in [low, high] (whole ones for 'int'); `distinct` keeps clear of ties. */
export interface Input {
  readonly shape: Shape
  readonly dtype?: DType
  readonly low?: number
  readonly high?: number
  readonly distinct?: boolean
  /** These values and no others. */
  readonly values?: readonly number[]
}

/** A test case of an operation, inside the domain in which it is smooth. */
export interface Sample {
  readonly inputs: readonly Input[]
  readonly params?: Params
}

export type Sampler = (draw: Draw) => Sample

/** A word of the vocabulary, as the tests and the docs see it. */
export interface Entry {
  readonly name: string
  /** False for operations without a derivative. */
  readonly differentiable: boolean
  readonly samples: Sampler
  apply(inputs: readonly AnyTensor[], params: Params): AnyTensor
}

/** Every operation by name. Declaring one enrols it in the gradient check, the device conformance suite and the docs. */
export const registry = new Map<string, Entry>()

function enrol(entry: Entry): void {
  if (registry.has(entry.name))
    throw new ValueError(`defineOp: there is an op ${entry.name} already. Choose another name.`)
  registry.set(entry.name, entry)
}

/** Builds an operation's node. Operations whose gradients name each other are annotated with it. */
export type Apply<I extends readonly AnyTensor[], P extends Params, D extends DType = 'float'> = (
  inputs: I,
  params: P,
) => Tensor<D>

/** Declares an operation and returns the function that builds its node. */
export function defineOp<
  const I extends readonly AnyTensor[],
  P extends Params = Params,
  D extends DType = 'float',
>(name: string, spec: OpSpec<I, P, D>): Apply<I, P, D> {
  const op = { name, forward: spec.forward, vjp: spec.vjp } as unknown as Op // the one erasure of I and P
  const takes = spec.takes ?? ['float']
  const apply = (inputs: I, params: P): Tensor<D> => {
    for (let i = 0; i < inputs.length; i++) checkDType(name, inputs[i]!, takes[i] ?? takes[takes.length - 1]!)
    const shape = spec.shape(inputs.map((t) => t.shape) as unknown as Shapes<I>, params)
    const dtype = (spec.gives === 'same' ? inputs[0]!.dtype : (spec.gives ?? 'float')) as D
    return new Tensor(shape, dtype, { op, inputs, params })
  }
  enrol({
    name,
    differentiable: spec.vjp !== null,
    samples: spec.samples,
    apply: (inputs, params) => apply(inputs as unknown as I, params as P),
  })
  return apply
}

/** Enrols an operation that is made of other operations, whose gradients are therefore its own. */
export function declareComposed(
  name: string,
  samples: Sampler,
  apply: (inputs: readonly Tensor[], params: Readonly<Record<string, unknown>>) => AnyTensor,
  differentiable = true,
): void {
  enrol({ name, differentiable, samples, apply: apply as Entry['apply'] })
}

/** Throws unless the input is a tensor of this kind. */
export function checkDType(name: string, input: AnyTensor, wanted: DType | 'any'): void {
  if (!(input instanceof Tensor))
    throw new ValueError(`${name}: expected a tensor, got ${typeof input}. Wrap the value in tensor(...).`)
  if (wanted !== 'any' && input.dtype !== wanted)
    throw new ValueError(
      `${name}: expected ${wanted === 'int' ? 'an' : 'a'} ${wanted} tensor, got ${input.dtype} ${showAll([input.shape])}. ${wanted === 'float' ? 'Convert it with toFloat().' : `Make it with tensor(values, shape, '${wanted}').`}`,
    )
}

/** Throws unless the input has one of these ranks. */
export function checkRank(name: string, shape: Shape, ranks: readonly number[], expected: string): void {
  if (!ranks.includes(shape.length))
    throw new ShapeError(
      `${name}: wrong number of dims, got ${showAll([shape])}. Expected ${expected}; add or drop dims with reshape.`,
    )
}
