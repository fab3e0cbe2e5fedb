import { DeviceError } from '../../errors.ts'
import { type Shape, sizeOf } from '../../shape.ts'
import type { View } from '../../view.ts'

/** Largest output side a device can run, per thread axis. */
export interface Limits {
  readonly side: readonly [x: number, y: number, z: number]
  /** Up to here every whole number is exact where it is not an index by itself: 2^24 in float32. */
  readonly exact: number
  /** After so many rounds all loops of a kernel together are cut short, silently; left out where they never are. */
  readonly rounds?: number
}

export const unlimited: Limits = { side: [Infinity, Infinity, Infinity], exact: Number.MAX_SAFE_INTEGER }

/** Throws where places among `count` elements cannot be told apart on this device. */
export function checkExact(kernel: string, count: number, { exact }: Limits): void {
  if (count > exact)
    throw new DeviceError(
      `${kernel}: places among ${count} elements are not exact on this device, got more than ${exact}. Split the tensor, or use the device 'reference'.`,
    )
}

/** One output cell per thread: the sides of the thread grid, and each output coordinate in terms of `$x`, `$y`, `$z`. */
export interface Grid {
  readonly sides: readonly number[]
  readonly coords: readonly string[]
}

/** x runs along the last dim, y along the one before, z along all others; one long side where that is too large. */
export function gridOf(shape: Shape, limits: Limits): Grid {
  const { side } = limits
  const rank = shape.length
  if (rank === 0) return { sides: [1], coords: [] }
  if (rank === 1) return { sides: [...shape], coords: ['$x'] }
  const outer = shape.slice(0, -2)
  const sides = [shape[rank - 1]!, shape[rank - 2]!, sizeOf(outer)]
  if (sides.some((n, axis) => n > side[axis]!))
    return { sides: [sizeOf(shape)], coords: unravel('$x', shape) }
  return rank === 2
    ? { sides: sides.slice(0, 2), coords: ['$y', '$x'] }
    : { sides, coords: [...unravel('$z', outer), '$y', '$x'] }
}

/** The coordinates of a flat index. */
export function unravel(index: string, shape: Shape): string[] {
  const total = sizeOf(shape)
  return shape.map((n, d) => {
    const below = sizeOf(shape.slice(d + 1))
    if (n === 1) return '0'
    const upper = quotient(index, below, total)
    return d === 0 ? upper : remainder(upper, n, Math.ceil(total / below))
  })
}

/**
 * floor(index / divisor) for a whole index below `range`, as a whole-number expression. Devices divide in float32, and GPUs
 * may round a quotient down past a whole number: half a unit keeps it clear of that while it still fits. Above that, a
 * quotient that is one too large or too small shows in what is left; one of more digits is taken in two parts.
 */
export function quotient(index: string, divisor: number, range: number): string {
  if (divisor === 1) return index
  if (Number.isInteger(Math.log2(divisor))) return `(${index} >> ${Math.log2(divisor)})`
  if (range <= 2 ** 21) return `(((${index} + 0.5) / ${divisor}) | 0)`
  if (range / divisor > 2 ** 20) {
    const high = `(${index} >> 12)`
    const upper = quotient(high, divisor, Math.ceil(range / 2 ** 12))
    const rest = `((${high} - ${upper} * ${divisor}) * 4096 + (${index} & 4095))`
    return `(${upper} * 4096 + ${quotient(rest, divisor, divisor * 2 ** 12)})`
  }
  const near = `((${index} / ${divisor}) | 0)`
  const left = `(${index} - ${near} * ${divisor})`
  return `(${near} + (${left} >> 31) - ((${divisor - 1} - ${left}) >> 31))`
}

/** index modulo divisor, as `quotient`. */
export function remainder(index: string, divisor: number, range: number): string {
  if (divisor === 1) return '0'
  if (range <= divisor) return index
  if (Number.isInteger(Math.log2(divisor))) return `(${index} & ${divisor - 1})`
  return `(${index} - ${quotient(index, divisor, range)} * ${divisor})`
}

/**
 * Where an element lies in its buffer, as an expression in whole numbers. Coordinates that are numbers are worked out
 * here: gpu.js's GL modes take a sum or product of two literals for a fraction.
 */
export function address(view: View, coords: readonly string[]): string {
  let constant = view.offset
  let text = ''
  const term = (sign: number, body: string) => {
    text += text === '' ? (sign < 0 ? `0 - ${body}` : body) : `${sign < 0 ? ' - ' : ' + '}${body}`
  }
  const moving = view.shape.flatMap((n, d) => {
    const [stride, coord] = [view.strides[d]!, coords[d]!]
    if (n === 1 || stride === 0) return []
    if (!/^\d+$/.test(coord)) return [{ stride, coord }]
    constant += stride * Number(coord)
    return []
  })
  if (constant > 0) term(1, String(constant))
  for (const { stride, coord } of moving)
    term(stride, Math.abs(stride) === 1 ? coord : `${coord} * ${Math.abs(stride)}`)
  if (constant < 0) term(-1, String(-constant))
  return text === '' ? '0' : text
}

/** How many elements lie from the start of the buffer to the last one that the view shows. */
export const reach = (view: View): number =>
  1 + view.offset + view.shape.reduce((sum, n, d) => sum + Math.max(0, view.strides[d]! * (n - 1)), 0)

/** Reads an element: 0 outside the view's mask. */
export function load(array: string, view: View, coords: readonly string[]): string {
  // Also where coordinates that are numbers lie outside: their address may be below 0, which gpu.js's GL modes refuse.
  const outside = (at: string, low: number, high: number) => /^\d+$/.test(at) && (+at < low || +at >= high)
  if (view.mask?.some(([low, high], d) => low >= high || outside(coords[d]!, low, high))) return '0.0'
  const inside = (view.mask ?? []).flatMap(([low, high], d) => [
    ...(low > 0 ? [`${coords[d]} >= ${low}`] : []),
    ...(high < view.shape[d]! ? [`${coords[d]} < ${high}`] : []),
  ])
  const read = `${array}[${address(view, coords)}]`
  return inside.length === 0 ? read : `(${inside.join(' && ')} ? ${read} : 0.0)`
}

/** Drops dims of size 1 and joins neighbours that every view walks through in one stride, so that most kernels are flat. */
export function joinDims(shape: Shape, views: readonly View[]): { shape: Shape; views: View[] } {
  const whole = (d: number) =>
    views.every((v) => v.mask === null || (v.mask[d]![0] === 0 && v.mask[d]![1] === shape[d]))
  const groups: number[][] = []
  shape.forEach((n, d) => {
    if (n === 1 && whole(d)) return
    const outer = groups.at(-1)?.at(-1)
    const inOneStride =
      outer !== undefined &&
      whole(outer) &&
      whole(d) &&
      views.every((v) => v.strides[outer] === v.strides[d]! * n)
    if (inOneStride) groups.at(-1)!.push(d)
    else groups.push([d])
  })
  const joined = groups.map((group) => sizeOf(group.map((d) => shape[d]!)))
  return {
    shape: joined,
    views: views.map((v) => ({
      shape: joined,
      strides: groups.map((group) => v.strides[group.at(-1)!]!),
      offset: v.offset,
      mask: v.mask && groups.map((group, k) => (group.length > 1 ? [0, joined[k]!] : v.mask![group[0]!]!)),
    })),
  }
}

/** Views with the dims that are kept before those that are `reduced`, each part joined as far as it goes. */
export function parted(
  shape: Shape,
  views: readonly View[],
  reduced: readonly number[],
): { outer: Shape; inner: Shape; views: View[] } {
  const part = (dims: readonly number[]) => {
    const own = dims.map((d) => shape[d]!)
    return joinDims(
      own,
      views.map(({ strides, mask }) => ({
        shape: own,
        strides: dims.map((d) => strides[d]!),
        offset: 0,
        mask: mask && dims.map((d) => mask[d]!),
      })),
    )
  }
  const outer = part(shape.map((_, d) => d).filter((d) => !reduced.includes(d)))
  const inner = part(reduced)
  return {
    outer: outer.shape,
    inner: inner.shape,
    views: views.map(({ offset, mask }, i) => {
      const [o, r] = [outer.views[i]!, inner.views[i]!]
      return {
        shape: [...o.shape, ...r.shape],
        strides: [...o.strides, ...r.strides],
        offset,
        mask: mask && [...o.mask!, ...r.mask!],
      }
    }),
  }
}
