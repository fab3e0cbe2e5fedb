import type { Shape } from '../../../shape.ts'
import type { PoolKernel } from '../../kernel.ts'
import { type I32, type Index, i32, select, type V128 } from '../wasm/expr.ts'
import type { Func, Local } from '../wasm/func.ts'
import { f32x4, v128 } from '../wasm/simd.ts'

/** How windows lie on the planes of a pooling kernel. */
export interface Windows {
  /** Planes: batch times channels. */
  readonly planes: number
  readonly y: Axis
  readonly x: Axis
}

/** Along one axis: `places` windows of `taps` elements on a plane of `size`. */
export interface Axis {
  readonly size: number
  readonly places: number
  readonly taps: number
  readonly stride: number
  readonly dilation: number
  readonly padding: number
  /** From the padding in front to the end of the last window. */
  readonly reach: number
}

/** Of a kernel that pools planes of shape `plane` [N, C, H, W] to `pooled` [N, C, H', W']. */
export function windowsOf(
  { kernelSize, stride, padding, dilation }: PoolKernel,
  plane: Shape,
  pooled: Shape,
): Windows {
  const axis = (d: 0 | 1): Axis => ({
    size: plane[2 + d]!,
    places: pooled[2 + d]!,
    taps: kernelSize[d],
    stride: stride[d],
    dilation: dilation[d],
    padding: padding[d],
    reach: (pooled[2 + d]! - 1) * stride[d] + dilation[d] * (kernelSize[d] - 1) + 1,
  })
  return { planes: plane[0]! * plane[1]!, y: axis(0), x: axis(1) }
}

/** Whether no window reaches past the plane. */
export const staysInside = ({ padding, reach, size }: Axis): boolean => padding === 0 && reach <= size

/** Whether windows are 2 x 2 tiles, side by side, in rows that fill vectors. */
export const areTiles = ({ y, x }: Windows): boolean =>
  x.places >= 4 && [y, x].every((a) => a.taps === 2 && a.stride === 2 && a.dilation === 1 && staysInside(a))

/** In a routine's key. */
export const keyOf = ({ y, x }: Windows): string =>
  [y, x].map((a) => [a.size, a.places, a.taps, a.stride, a.dilation, a.padding].join()).join(' ')

/** Calls `body` with the first place of every four in a row; the last four overlap others where they do not come out even. */
export function overFours(f: Func, places: number, body: (place: I32) => void): void {
  const at = f.local('i32')
  f.for(at, 0, places, 4, () => {
    const last = places - 4
    body(last <= 0 || places % 4 === 0 ? at : f.let(select(i32.ltS(at, last), at, i32.const(last))))
  })
}

/** Stores as many of four values as a row of `places` has. */
export function storeFour(f: Func, address: I32, value: Local<'v128'>, places: number): void {
  if (places >= 4) f.do(v128.store(address, value))
  else for (let lane = 0; lane < places; lane++) f.do(v128.store32Lane(address, value, lane, 4 * lane))
}

/** Four elements from `address + offset` bytes on, `stride` apart; nothing past the last of them is read. */
export function everyNth(address: I32, stride: number, offset = 0): V128 {
  if (stride === 1) return v128.load(address, offset)
  if (stride === 2)
    return v128.shuffle32(v128.load(address, offset), v128.load(address, offset + 12), [0, 2, 5, 7])
  return [1, 2, 3].reduce(
    (loaded, lane) => v128.load32Lane(address, loaded, lane, offset + 4 * stride * lane),
    v128.load32Zero(address, offset),
  )
}

/** `everyNth` of a row's taps in order. Neighbours at stride 2 come out of the same two loads. */
export function tapsOf(f: Func, address: I32, { taps, stride, dilation }: Axis): V128[] {
  const values: V128[] = []
  while (values.length < taps) {
    const offset = 4 * dilation * values.length
    if (stride === 2 && dilation === 1 && values.length + 1 < taps) {
      const [low, high] = [f.let(v128.load(address, offset)), f.let(v128.load(address, offset + 16))]
      values.push(v128.shuffle32(low, high, [0, 2, 4, 6]), v128.shuffle32(low, high, [1, 3, 5, 7]))
    } else values.push(everyNth(address, stride, offset))
  }
  return values
}

/** The taps of the window at `place` that lie on the plane: [from, to). */
export function tapsInside(
  f: Func,
  { size, taps, stride, dilation, padding }: Axis,
  place: I32,
): readonly [from: Index, to: Index] {
  const before = f.let(i32.sub(padding, i32.mul(place, stride)))
  const steps = (distance: Local<'i32'>) =>
    dilation === 1 ? distance : i32.divS(i32.add(distance, dilation - 1), dilation)
  const behind = f.let(i32.add(before, size))
  const first = f.let(steps(f.let(select(i32.gtS(before, 0), before, i32.const(0)))))
  const end = f.let(steps(f.let(select(i32.gtS(behind, 0), behind, i32.const(0)))))
  return [first, f.let(select(i32.ltS(end, taps), end, i32.const(taps)))]
}

/** `first`, then `step` more in each lane. */
export const rampFrom = (first: V128, step: number): V128 =>
  f32x4.add(first, f32x4.lanes([0, step, 2 * step, 3 * step]))
