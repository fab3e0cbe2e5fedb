import type { Scheme, Transform } from './scheme.ts'

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

/** The scheme along one axis of a convolution from `size` inputs, `before` zeros before them, to `out` outputs. */
export interface Axis {
  readonly key: string
  readonly scheme: Scheme
  readonly tiles: number
  readonly out: number
  /** Windows of inputs; and tiles of outputs as the gradient in the weights takes them. */
  readonly x: Windows
  readonly dy: Windows
}

export function axisOf(scheme: Scheme, size: number, out: number, before: number): Axis {
  const { inputs, step, outputs, products } = scheme
  const tiles = Math.ceil(out / outputs)
  return {
    key: `${scheme.key}.${size}.${out}.${before}`,
    scheme,
    tiles,
    out,
    x: { size, before, tiles, inputs, step, products, transform: scheme.input },
    dy: {
      size: out,
      before: 0,
      tiles,
      inputs: outputs,
      step: outputs,
      products,
      transform: scheme.outputAdjoint,
    },
  }
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
export const inputsOf = ({ rows, cols }: Plane): Plane<Windows> => ({ rows: rows.x, cols: cols.x })
export const outputsOf = ({ rows, cols }: Plane): Plane<Windows> => ({ rows: rows.dy, cols: cols.dy })

export const roundUp = (n: number, to: number): number => Math.ceil(n / to) * to

/**
 * Bytes from one of many planes, which are written or read side by side, to the next. The 64 spread them over the sets
 * of the cache: at powers of two they would all fall into one.
 */
export const spread = (bytes: number): number => roundUp(bytes, 64) + 64
