import { ShapeError, show, showAll } from './errors.ts'

/** Sizes of a tensor's dims, outermost first. `[]` is a scalar. */
export type Shape = readonly number[]

/** Number of elements. */
export function sizeOf(shape: Shape): number {
  let size = 1
  for (let i = 0; i < shape.length; i++) size *= shape[i]!
  return size
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Row-major strides: how many elements apart two neighbours along each dim are. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length)
  let step = 1
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = step
    step *= shape[d]!
  }
  return strides
}

/** The shape that both broadcast to (sizes aligned from the right, 1 stretches), or a ShapeError in the name of `op`. */
export function broadcastShapes(op: string, shapes: readonly Shape[]): Shape {
  // Most often all are one shape, or numbers beside it.
  let common: Shape = []
  for (const shape of shapes)
    if (shape.length > 0 && shape !== common) {
      if (common.length > 0 && !sameShape(shape, common)) return stretched(op, shapes)
      common = shape
    }
  return common
}

function stretched(op: string, shapes: readonly Shape[]): Shape {
  const rank = Math.max(...shapes.map((s) => s.length))
  const out = new Array<number>(rank).fill(1)
  for (const shape of shapes) {
    shape.forEach((n, i) => {
      const d = rank - shape.length + i
      if (n === 1) return
      if (out[d] !== 1 && out[d] !== n)
        throw new ShapeError(
          `${op}: shapes do not broadcast, got ${showAll(shapes)}. Align the trailing dims, or reshape one side so that the odd dim is 1.`,
        )
      out[d] = n
    })
  }
  return out
}

/** `dim` counted from the front, -1 being the last. */
export function resolveDim(op: string, dim: number, shape: Shape): number {
  const rank = Math.max(shape.length, 1)
  if (!Number.isInteger(dim) || dim < -rank || dim >= rank)
    throw new ShapeError(
      `${op}: dim ${dim} is out of range, got ${show(shape)}. Use ${rank === 1 ? '0 or -1' : `-${rank} to ${rank - 1}`}.`,
    )
  return dim < 0 ? dim + rank : dim
}

/** `dims` as sorted distinct dims counted from the front; undefined means all of them. */
export function resolveDims(
  op: string,
  dims: number | readonly number[] | undefined,
  shape: Shape,
): number[] {
  if (dims === undefined) return shape.map((_, d) => d)
  const list = (typeof dims === 'number' ? [dims] : dims).map((d) => resolveDim(op, d, shape))
  if (new Set(list).size !== list.length)
    throw new ShapeError(
      `${op}: a dim is named twice in ${show(list)}, got ${show(shape)}. Name each dim once.`,
    )
  return shape.length === 0 ? [] : list.sort((a, b) => a - b)
}

/** `shape` without `dims`, or with size 1 in their place. */
export const reducedShape = (shape: Shape, dims: readonly number[], keepdim: boolean): Shape =>
  keepdim ? shape.map((n, d) => (dims.includes(d) ? 1 : n)) : shape.filter((_, d) => !dims.includes(d))

/** Throws unless every size is an integer of at least `least`. */
export function checkSizes(op: string, shape: Shape, least = 0): void {
  if (shape.some((n) => !Number.isInteger(n) || n < least))
    throw new ShapeError(
      `${op}: sizes must be integers of at least ${least}, got ${show(shape)}. Check the shape.`,
    )
}
