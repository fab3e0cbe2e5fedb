import type { FloatArray, HostData } from './device/device.ts'
import { ShapeError, show, ValueError } from './errors.ts'
import type { Op, Params } from './graph/define.ts'
import type { Storage } from './graph/storage.ts'
import type { TensorMethods } from './ops/methods.ts'
import { checkSizes, type Shape, sizeOf } from './shape.ts'

/** What the elements mean: numbers, class labels and indices, or masks. All of them are stored as floats on devices. */
export type DType = 'float' | 'int' | 'bool'

export type AnyTensor = Tensor<DType>

/**
 * A node of the graph: an operation on input tensors, or a leaf that holds values. Building one checks shapes and
 * runs nothing; values appear with `await t.item()`, `await t.data()`, `await t.toArray()` or `await realize(...)`.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: ops/methods.ts is typed against the interface
export class Tensor<D extends DType = 'float'> {
  readonly shape: Shape
  readonly dtype: D
  /** What makes this node; null for a leaf. */
  readonly op: Op | null
  readonly inputs: readonly AnyTensor[]
  readonly params: Params
  /** A leaf's values on the host, until an optimiser replaces them by values on a device. */
  host: HostData | null
  /** The values on a device, once realized or uploaded. */
  storage: Storage | null = null
  /** The place among all assignments of the last one to this leaf; 0 where there was none. */
  assigned = 0
  /** A number that the user wrote: handed to kernels as a scalar argument, never differentiated. */
  readonly constant: boolean
  /** The last walk of the graph that came by, and the place in its order: cheaper than a map per walk. */
  walk = 0
  place = 0

  constructor(
    shape: Shape,
    dtype: D,
    from:
      | { op: Op; inputs: readonly AnyTensor[]; params: Params }
      | { host: HostData | null; constant?: true },
  ) {
    this.shape = shape
    this.dtype = dtype
    this.op = 'op' in from ? from.op : null
    this.inputs = 'op' in from ? from.inputs : []
    this.params = 'op' in from ? from.params : noParams
    this.host = 'op' in from ? null : from.host
    this.constant = 'constant' in from
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape)
  }

  /** Number of dims. */
  get rank(): number {
    return this.shape.length
  }

  /** A small leaf prints as the code that rebuilds it, anything else as its operation and shape. */
  toString(): string {
    if (this.op) return `${this.op.name}${show(this.shape)}`
    if (!this.host || this.size > PRINTED) return `tensor${show(this.shape)}`
    const dtype = this.dtype === 'float' ? '' : `, '${this.dtype}'`
    return `tensor([${Array.from(this.host, printNumber).join(', ')}], ${show(this.shape)}${dtype})`
  }
}

/** The vocabulary that losses and gradients are written in; ops/methods.ts puts it on the prototype. */
export interface Tensor<D extends DType> extends TensorMethods<D> {}

const PRINTED = 256
/** The settings of an operation that has none. */
export const noParams: Params = Object.freeze({})
const printNumber = (x: number) => (Object.is(x, -0) ? '-0' : String(x))

/** Numbers nested as deep as the tensor has dims. */
export type Nested<T = number> = T | readonly Nested<T>[]

/**
 * A tensor from nested arrays (`tensor([[1, 2], [3, 4]])`), or from flat values and a shape
 * (`tensor(new Float32Array(6), [2, 3])`). Booleans and `Uint8Array` give 'bool', `Int32Array` gives 'int',
 * everything else 'float'; `dtype` overrides. Values are copied.
 *
 * @throws ShapeError where the arrays are ragged or `shape` has another number of elements.
 * @throws ValueError where an 'int' value is not a whole number or a 'bool' is neither 0 nor 1.
 */
export function tensor(data: Nested | FloatArray, shape?: Shape): Tensor
export function tensor(data: Int32Array, shape?: Shape): Tensor<'int'>
export function tensor(data: Uint8Array | Nested<boolean>, shape?: Shape): Tensor<'bool'>
export function tensor<D extends DType>(
  data: Nested | HostData,
  shape: Shape | undefined,
  dtype: D,
): Tensor<D>
export function tensor(data: Nested<number | boolean> | HostData, shape?: Shape, dtype?: DType): AnyTensor {
  const { values, shape: found, boolean } = flatten(data)
  const target = shape ?? found
  checkSizes('tensor', target)
  if (values.length !== sizeOf(target))
    throw new ShapeError(
      `tensor: ${values.length} values do not fill the shape, got ${show(target)}. Give ${sizeOf(target)} values.`,
    )
  const inferred =
    data instanceof Int32Array ? 'int' : boolean || data instanceof Uint8Array ? 'bool' : 'float'
  const wanted = dtype ?? inferred
  return new Tensor([...target], wanted, { host: hostOf(values, wanted) })
}

/** A leaf that every realize passes as a plain number, so that a new value compiles nothing. */
export const scalar = (value: number): Tensor =>
  new Tensor([], 'float', { host: Float64Array.of(value), constant: true })

function hostOf(values: ArrayLike<number>, dtype: DType): HostData {
  if (dtype === 'float') return values instanceof Float32Array ? values.slice() : Float64Array.from(values)
  const whole = dtype === 'int' ? Int32Array.from(values) : Uint8Array.from(values)
  const bad = whole.findIndex((v, i) => v !== values[i] || (dtype === 'bool' && v > 1))
  if (bad >= 0)
    throw new ValueError(
      `tensor: ${dtype} values must be ${dtype === 'int' ? 'whole numbers' : '0 or 1'}, got ${values[bad]} at index ${bad}. Round it, or use 'float'.`,
    )
  return whole
}

function flatten(data: Nested<number | boolean> | HostData): {
  values: ArrayLike<number>
  shape: number[]
  boolean: boolean
} {
  if (ArrayBuffer.isView(data)) return { values: data, shape: [data.length], boolean: false }
  const shape: number[] = []
  for (let level: unknown = data; Array.isArray(level); level = level[0]) shape.push(level.length)
  const values: number[] = []
  let boolean = false
  const walk = (item: Nested<number | boolean>, depth: number): void => {
    if (Array.isArray(item)) {
      if (item.length !== shape[depth])
        throw new ShapeError(
          `tensor: rows differ in length, got ${item.length} and ${shape[depth] ?? 'a number'}. Make all rows of a level equally long.`,
        )
      for (const inner of item) walk(inner, depth + 1)
      return
    }
    if (depth !== shape.length || (typeof item !== 'number' && typeof item !== 'boolean'))
      throw new ShapeError(
        `tensor: expected numbers nested ${shape.length} deep, got ${String(item)} at depth ${depth}. Check the array.`,
      )
    boolean ||= typeof item === 'boolean'
    values.push(Number(item))
  }
  walk(data as Nested<number | boolean>, 0)
  return { values, shape, boolean }
}

/** `shape` filled with `value`. */
export const full = (shape: Shape, value: number): Tensor =>
  tensor(new Float64Array(sizeOf(shape)).fill(value), shape)

export const zeros = (shape: Shape): Tensor => full(shape, 0)

export const ones = (shape: Shape): Tensor => full(shape, 1)
