import { type F32, f32, i32 } from '../wasm/expr.ts'
import type { Func } from '../wasm/func.ts'
import { f32x4, v128 } from '../wasm/simd.ts'

/** Panels of sums [parts][groups][channels / 8][step][8], of which the first `taps` are of use. */
export interface Sums {
  readonly parts: number
  readonly groups: number
  /** Output channels of a group. */
  readonly to: number
  readonly taps: number
  readonly step: number
}

/** Adds the parts up in order and writes [groups * to][taps]; the units are panels of all groups. */
export function sumParts(f: Func, { parts, groups, to, taps, step }: Sums): void {
  const [out, workspace] = [f.pointer(2), f.pointer(3)]
  const [unit, tap, at, target] = [f.local('i32'), f.local('i32'), f.local('i32'), f.local('i32')]
  const panels = Math.ceil(to / 8)
  const bytes = 32 * step
  const write = (channels: number) =>
    f.for(tap, 0, taps, 1, () => {
      for (let v = 0; 4 * v < channels; v++) {
        const part = (p: number) => v128.load(at, groups * panels * bytes * p + 16 * v)
        const sum = f.let(part(0))
        for (let p = 1; p < parts; p++) f.set(sum, f32x4.add(sum, part(p)))
        for (let lane = 0; lane < Math.min(4, channels - 4 * v); lane++)
          f.do(v128.store32Lane(target, sum, lane, 4 * taps * (4 * v + lane)))
      }
      f.set(at, i32.add(at, 32))
      f.set(target, i32.add(target, 4))
    })
  f.for(unit, f.lo, f.hi, 1, () => {
    const panel = f.let(i32.remU(unit, panels))
    const channel = i32.add(i32.mul(i32.divU(unit, panels), to), i32.mul(panel, 8))
    f.set(at, i32.add(workspace, i32.mul(unit, bytes)))
    f.set(target, i32.add(out, i32.mul(channel, 4 * taps)))
    const rest = to % 8
    if (rest === 0) write(8)
    else if (panels === 1) write(rest)
    else
      f.if(
        i32.eq(panel, panels - 1),
        () => write(rest),
        () => write(8),
      )
  })
}

/** Adds sums [parts][channels][step][4 lanes] up, parts in order, then lanes, and writes [channels][taps]. */
export function sumLanes(
  f: Func,
  { parts, channels, taps, step }: { parts: number; channels: number; taps: number; step: number },
): void {
  const [out, workspace] = [f.pointer(2), f.pointer(3)]
  const [unit, tap, at, target] = [f.local('i32'), f.local('i32'), f.local('i32'), f.local('i32')]
  const sum = f.local('v128')
  f.for(unit, f.lo, f.hi, 1, () => {
    f.set(at, i32.add(workspace, i32.mul(unit, 16 * step)))
    f.set(target, i32.add(out, i32.mul(unit, 4 * taps)))
    f.for(tap, 0, taps, 1, () => {
      f.set(sum, v128.load(at))
      for (let p = 1; p < parts; p++) f.set(sum, f32x4.add(sum, v128.load(at, 16 * channels * step * p)))
      const [a, b, c, d] = [0, 1, 2, 3].map((lane) => f32x4.extract(sum, lane)) as [F32, F32, F32, F32]
      f.do(f32.store(target, f32.add(f32.add(a, b), f32.add(c, d))))
      f.set(at, i32.add(at, 16))
      f.set(target, i32.add(target, 4))
    })
  })
}
