import type { Transform } from './filter.ts'
import type { ForwardScheme, Scheme } from './scheme.ts'

/** Windows along one axis of a plane, and the transform that they go through. */
export interface Windows {
  /** Numbers along the plane, and zeros before them; beyond the plane are zeros too. */
  readonly size: number
  readonly before: number
  /** Windows, their lengths, and how far the next is. */
  readonly tiles: number
  readonly inputs: number
  readonly step: number
  readonly products: number
  readonly transform: Transform
}

/** A scheme along one axis of a convolution from `size` inputs, `before` zeros before them, to `out` outputs. */
export interface Axis<S extends Scheme = Scheme> {
  readonly key: string
  readonly scheme: S
  readonly size: number
  readonly before: number
  readonly out: number
  readonly tiles: number
}

export function axisOf<S extends Scheme>(scheme: S, size: number, before: number, out: number): Axis<S> {
  const key = `${scheme.key}.${size}.${before}.${out}`
  return { key, scheme, size, before, out, tiles: Math.ceil(out / scheme.outputs) }
}

const inputWindows = ({ scheme, size, before, tiles }: Axis): Windows => {
  const { inputs, step, products, input } = scheme
  return { size, before, tiles, inputs, step, products, transform: input }
}

/** Tiles of outputs, as the gradient in the weights takes them. */
const outputWindows = ({ scheme, out, tiles }: Axis<ForwardScheme>): Windows => {
  const { outputs, products, outputAdjoint } = scheme
  return { size: out, before: 0, tiles, inputs: outputs, step: outputs, products, transform: outputAdjoint }
}

/** A plane's two axes. */
export interface Plane<T = Axis> {
  readonly rows: T
  readonly cols: T
}

export const keyOf = ({ rows, cols }: Plane): string => `${rows.key}x${cols.key}`
export const tilesOf = ({ rows, cols }: Plane): number => rows.tiles * cols.tiles
export const productsOf = ({ rows, cols }: Plane): number => rows.scheme.products * cols.scheme.products
export const weightsOf = ({ rows, cols }: Plane): number => rows.scheme.weights * cols.scheme.weights
export const inputsOf = ({ rows, cols }: Plane): Plane<Windows> => ({
  rows: inputWindows(rows),
  cols: inputWindows(cols),
})
export const outputsOf = ({ rows, cols }: Plane<Axis<ForwardScheme>>): Plane<Windows> => ({
  rows: outputWindows(rows),
  cols: outputWindows(cols),
})

export const roundUp = (n: number, to: number): number => Math.ceil(n / to) * to

/**
 * Bytes from one of many planes, which are written or read side by side, to the next. The 64 spread them over the sets
 * of the cache: at powers of two they would all fall into one.
 */
export const spread = (bytes: number): number => roundUp(bytes, 64) + 64
