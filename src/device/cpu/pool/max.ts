import type { PoolKernel } from '../../kernel.ts'
import type { Recipe } from '../recipe.ts'
import { copyRun, fillRun } from '../runs.ts'
import { f32, type I32, i32, type V128 } from '../wasm/expr.ts'
import type { Func, Local } from '../wasm/func.ts'
import { f32x4, v128 } from '../wasm/simd.ts'
import {
  everyNth,
  keyOf,
  overFours,
  rampFrom,
  staysInside,
  storeFour,
  tapsOf,
  type Windows,
  windowsOf,
} from './windows.ts'

/** More taps than this come in a loop. */
const MOST_UNROLLED = 25

/** The plane, where windows reach past it copied among -Infinity. */
interface Plane {
  readonly direct: boolean
  readonly rows: number
  readonly width: number
}

function planeOf({ y, x }: Windows): Plane {
  if (staysInside(y) && staysInside(x) && x.places >= 4) return { direct: true, rows: y.size, width: x.size }
  // Rows of fewer than four windows are read as if there were four.
  const read = x.reach + x.stride * Math.max(0, 4 - x.places)
  return {
    direct: false,
    rows: Math.max(y.reach, y.padding + y.size),
    width: Math.max(read, x.padding + x.size),
  }
}

/** x to the place of each window's first largest element; with `values` to the elements too, as the first output. */
export function maxRecipe(kernel: PoolKernel, values: boolean): Recipe {
  const windows = windowsOf(kernel, kernel.inputs[0]!.shape, kernel.out)
  const plane = planeOf(windows)
  const places = windows.y.places * windows.x.places
  return {
    workspace: 0,
    stages: [
      {
        routine: {
          key: `pool max${values ? ' and place' : ' place'} ${keyOf(windows)}`,
          scratch: plane.direct ? 0 : 4 * plane.rows * plane.width,
          build: (f) => buildMax(f, windows, plane, values),
        },
        units: windows.planes,
        cost: places * (0.5 + 0.2 * windows.y.taps * windows.x.taps),
        ...(values ? {} : { completes: places }),
      },
    ],
  }
}

function buildMax(f: Func, windows: Windows, plane: Plane, values: boolean): void {
  const { y, x } = windows
  const source = f.pointer(0)
  const targets = values ? [f.pointer(1), f.pointer(2)] : [f.pointer(1)]
  const [n, row] = [f.local('i32'), f.local('i32')]
  if (!plane.direct) fillRun(f, f.scratch, Number.NEGATIVE_INFINITY, plane.rows * plane.width)
  f.for(n, f.lo, f.hi, 1, () => {
    const start = f.let(i32.add(source, i32.mul(n, 4 * y.size * x.size)))
    if (!plane.direct) copyPlane(f, start, windows, plane.width)
    const from = plane.direct ? start : f.scratch
    f.for(row, 0, y.places, 1, () => {
      const top = f.let(i32.add(from, i32.mul(row, 4 * y.stride * plane.width)))
      const done = f.let(i32.shl(i32.add(i32.mul(n, y.places * x.places), i32.mul(row, x.places)), 2))
      const startRow = f.let(f32x4.splat(f32.convertI32(i32.mul(row, y.stride))))
      const above = y.padding > 0 ? f.let(firstInside(startRow, y.padding, y.dilation)) : null
      overFours(f, x.places, (place) => {
        const corner = f.let(i32.add(top, i32.mul(place, 4 * x.stride)))
        const startColumn = f.let(rampFrom(f32x4.splat(f32.convertI32(i32.mul(place, x.stride))), x.stride))
        const left = x.padding > 0 ? firstInside(startColumn, x.padding, x.dilation) : null
        const best = largest(f, windows, corner, plane.width, firstOffset(above, left, x.size))
        const base = f32x4.add(f32x4.mul(startRow, f32x4.const(x.size)), startColumn)
        const shifted = f32x4.sub(base, f32x4.const(y.padding * x.size + x.padding))
        const results = values
          ? [best.value, f.let(f32x4.add(best.offset, shifted))]
          : [f.let(f32x4.add(best.offset, shifted))]
        results.forEach((result, i) => {
          storeFour(f, f.let(i32.add(targets[i]!, i32.add(done, i32.shl(place, 2)))), result, x.places)
        })
      })
    })
  })
}

function copyPlane(f: Func, start: I32, { y, x }: Windows, width: number): void {
  const row = f.local('i32')
  f.for(row, 0, y.size, 1, () => {
    const to = f.let(
      i32.add(i32.add(f.scratch, 4 * (y.padding * width + x.padding)), i32.mul(row, 4 * width)),
    )
    copyRun(f, to, f.let(i32.add(start, i32.mul(row, 4 * x.size))), x.size)
  })
}

/** How far the first tap on the plane is from a window's start, which counts from the padding on. */
function firstInside(start: V128, padding: number, dilation: number): V128 {
  const before = f32x4.sub(f32x4.const(padding), start)
  const steps = dilation === 1 ? before : f32x4.ceil(f32x4.div(before, f32x4.const(dilation)))
  return f32x4.mul(f32x4.pmax(steps, f32x4.const(0)), f32x4.const(dilation))
}

/** The first tap on the plane, as an offset; null where that is each window's very first. */
function firstOffset(above: V128 | null, left: V128 | null, width: number): V128 | null {
  const down = above && f32x4.mul(above, f32x4.const(width))
  return down && left ? f32x4.add(down, left) : (down ?? left)
}

interface Best {
  readonly value: Local<'v128'>
  /** On the plane, from the window's start. */
  readonly offset: Local<'v128'>
}

/** The first largest taps of four windows, whose first one starts at `corner`. Of several NaN the last one counts. */
function largest(f: Func, windows: Windows, corner: I32, width: number, first: V128 | null): Best {
  const { y, x } = windows
  // Where even the first tap on the plane is -Infinity it is taken, and no border.
  const begin = first && f.let(first)
  const best: Best = { value: f.local('v128'), offset: f.local('v128') }
  const withNaN = () => largestWithNaN(f, windows, corner, width, begin ?? f32x4.const(0), best)
  if (y.taps * x.taps > MOST_UNROLLED) {
    withNaN()
    return best
  }
  const sum = f.let(f32x4.const(0))
  f.set(best.value, f32x4.const(Number.NEGATIVE_INFINITY))
  f.set(best.offset, begin ?? f32x4.const(0))
  for (let i = 0; i < y.taps; i++) {
    const line = f.let(i32.add(corner, 4 * i * y.dilation * width))
    tapsOf(f, line, x).forEach((tap, j) => {
      const value = f.let(tap)
      f.set(sum, f32x4.add(sum, value))
      // Offsets only grow: the last one that was better is the largest.
      const offset = f32x4.const(i * y.dilation * x.size + j * x.dilation)
      const reached = v128.and(f32x4.gt(value, best.value), offset)
      f.set(best.offset, f32x4.pmax(best.offset, reached))
      f.set(best.value, f32x4.pmax(best.value, value))
    })
  }
  // A NaN among the taps makes their sum NaN, at the price of one addition each.
  f.if(v128.anyTrue(f32x4.ne(sum, sum)), withNaN)
  return best
}

function largestWithNaN(
  f: Func,
  { y, x }: Windows,
  corner: I32,
  width: number,
  first: V128,
  best: Best,
): void {
  f.set(best.value, f32x4.const(Number.NEGATIVE_INFINITY))
  f.set(best.offset, first)
  const [i, j] = [f.local('i32'), f.local('i32')]
  f.for(i, 0, y.taps, 1, () => {
    const line = f.let(i32.add(corner, i32.mul(i, 4 * y.dilation * width)))
    f.for(j, 0, x.taps, 1, () => {
      const value = f.let(everyNth(f.let(i32.add(line, i32.mul(j, 4 * x.dilation))), x.stride))
      const better = f.let(v128.or(f32x4.gt(value, best.value), f32x4.ne(value, value)))
      const offset = i32.add(i32.mul(i, y.dilation * x.size), i32.mul(j, x.dilation))
      f.set(best.value, v128.bitselect(value, best.value, better))
      f.set(best.offset, v128.bitselect(f32x4.splat(f32.convertI32(offset)), best.offset, better))
    })
  })
}
