import type { PoolKernel } from '../../kernel.ts'
import type { Recipe } from '../recipe.ts'
import { addRun, copyRun, fillRun } from '../runs.ts'
import { f32, type I32, i32, type V128 } from '../wasm/expr.ts'
import type { Func, Local } from '../wasm/func.ts'
import { f32x4, v128 } from '../wasm/simd.ts'
import {
  areTiles,
  everyNth,
  keyOf,
  overFours,
  staysInside,
  storeFour,
  tapsInside,
  tapsOf,
  type Windows,
  windowsOf,
} from './windows.ts'

/** More taps along an axis than this come in a loop. */
const MOST_UNROLLED = 8

/** x to the sum over each window: down the columns of a window's rows first, then along the row of sums. */
export function sumRecipe(kernel: PoolKernel): Recipe {
  const windows = windowsOf(kernel, kernel.inputs[0]!.shape, kernel.out)
  const { planes, y, x } = windows
  // One row of sums, zeros around it as far as windows reach; fewer than four windows are read as if there were four.
  const width = Math.max(x.padding + x.size, x.reach + x.stride * Math.max(0, 4 - x.places))
  const build = (f: Func) => {
    const [source, target, sums] = [f.pointer(0), f.pointer(1), f.scratch]
    const [n, row] = [f.local('i32'), f.local('i32')]
    fillRun(f, sums, 0, width)
    f.for(n, f.lo, f.hi, 1, () => {
      const start = f.let(i32.add(source, i32.mul(n, 4 * y.size * x.size)))
      f.for(row, 0, y.places, 1, () => {
        sumColumns(f, windows, start, row)
        const done = f.let(i32.add(i32.mul(n, y.places * x.places), i32.mul(row, x.places)))
        overFours(f, x.places, (place) => {
          const first = f.let(i32.add(sums, i32.mul(place, 4 * x.stride)))
          const to = f.let(i32.add(target, i32.shl(i32.add(done, place), 2)))
          storeFour(f, to, sumTaps(f, windows, first), x.places)
        })
      })
    })
  }
  return {
    workspace: 0,
    stages: [
      {
        routine: { key: `pool sum ${keyOf(windows)}`, scratch: 4 * width, build },
        units: planes,
        cost: y.places * (0.06 * x.size * y.taps + 0.2 * x.places * x.taps),
        completes: y.places * x.places,
      },
    ],
  }
}

/** Each column's sum over the rows of the windows at `row`, into scratch behind the padding. */
function sumColumns(f: Func, { y, x }: Windows, start: I32, row: I32): void {
  const [from, to] = staysInside(y) ? [0, y.taps] : tapsInside(f, y, row)
  const top = f.let(i32.add(start, i32.mul(i32.sub(i32.mul(row, y.stride), y.padding), 4 * x.size)))
  const step = 4 * y.dilation * x.size
  const columns = (put: (at: I32, read: (address: I32, offset: number) => V128) => void) => {
    if (x.size >= 4) overFours(f, x.size, (column) => put(f.let(i32.shl(column, 2)), v128.load))
    else for (let column = 0; column < x.size; column++) put(i32.const(4 * column), v128.load32Zero)
  }
  columns((at, read) => {
    const first = f.let(i32.add(top, at))
    const sum = f.let(f32x4.const(0))
    const add = (address: I32, offset: number) => f.set(sum, f32x4.add(sum, read(address, offset)))
    if (from === 0 && y.taps <= MOST_UNROLLED) for (let i = 0; i < y.taps; i++) add(first, i * step)
    else {
      const i = f.local('i32')
      f.for(i, from, to, 1, () => add(i32.add(first, i32.mul(i, step)), 0))
    }
    const target = i32.add(f.scratch, at)
    f.do(
      x.size >= 4 ? v128.store(target, sum, 4 * x.padding) : v128.store32Lane(target, sum, 0, 4 * x.padding),
    )
  })
}

/** The sums over the taps of four windows, of which the first starts at `first`. */
function sumTaps(f: Func, { x }: Windows, first: I32): Local<'v128'> {
  if (x.taps <= MOST_UNROLLED) {
    const [start, ...rest] = tapsOf(f, first, x)
    return f.let(rest.reduce<V128>((sum, tap) => f32x4.add(sum, tap), start!))
  }
  const [sum, tap] = [f.let(f32x4.const(0)), f.local('i32')]
  f.for(tap, 0, x.taps, 1, () => {
    f.set(sum, f32x4.add(sum, everyNth(f.let(i32.add(first, i32.mul(tap, 4 * x.dilation))), x.stride)))
  })
  return sum
}

/** g to planes with each g added to every place of its window. */
export function spreadRecipe(kernel: PoolKernel): Recipe {
  const windows = windowsOf(kernel, kernel.out, kernel.inputs[0]!.shape)
  const { planes, y, x } = windows
  const tiles = areTiles(windows)
  const sizes = rowsOf(windows)
  return {
    workspace: 0,
    stages: [
      {
        routine: {
          key: `pool spread ${keyOf(windows)}`,
          scratch: tiles ? 0 : 4 * (sizes.g + sizes.spread),
          build: (f) => (tiles ? spreadTiles(f, windows) : spreadRows(f, windows)),
        },
        units: planes,
        cost: tiles
          ? 0.1 * y.size * x.size
          : y.places * (0.5 * x.places * x.taps + 0.1 * x.size * y.taps) + 0.1 * y.size * x.size,
        completes: y.size * x.size,
      },
    ],
  }
}

/** Rows in scratch: g with zeros up to a multiple of four, and what it comes to along the plane's row. */
function rowsOf({ x }: Windows): { g: number; spread: number } {
  const g = 4 * Math.ceil(x.places / 4)
  return { g, spread: Math.max(x.padding + x.size, x.reach + g - x.places) }
}

/** Along the row first, then to all rows of the window. */
function spreadRows(f: Func, windows: Windows): void {
  const { y, x } = windows
  const sizes = rowsOf(windows)
  const [source, target] = [f.pointer(0), f.pointer(1)]
  const [n, row, i] = [f.local('i32'), f.local('i32'), f.local('i32')]
  const spread = f.let(i32.add(f.scratch, 4 * sizes.g))
  fillRun(f, f.scratch, 0, sizes.g)
  f.for(n, f.lo, f.hi, 1, () => {
    const start = f.let(i32.add(target, i32.mul(n, 4 * y.size * x.size)))
    fillRun(f, start, 0, y.size * x.size)
    f.for(row, 0, y.places, 1, () => {
      const first = i32.add(i32.mul(n, y.places * x.places), i32.mul(row, x.places))
      copyRun(f, f.scratch, f.let(i32.add(source, i32.shl(first, 2))), x.places)
      fillRun(f, spread, 0, sizes.spread)
      spreadAlong(f, windows, sizes.g, spread)
      const [from, to] = staysInside(y) ? [0, y.taps] : tapsInside(f, y, row)
      const top = f.let(i32.add(start, i32.mul(i32.sub(i32.mul(row, y.stride), y.padding), 4 * x.size)))
      f.for(i, from, to, 1, () => {
        const line = f.let(i32.add(top, i32.mul(i, 4 * y.dilation * x.size)))
        addRun(f, line, f.let(i32.add(spread, 4 * x.padding)), x.size)
      })
    })
  })
}

/** One tap of all windows after the other: they never meet within one. */
function spreadAlong(f: Func, { x }: Windows, width: number, spread: I32): void {
  const tap = f.local('i32')
  f.for(tap, 0, x.taps, 1, () => {
    const line = f.let(i32.add(spread, i32.mul(tap, 4 * x.dilation)))
    if (x.stride === 1) {
      addRun(f, line, f.scratch, width)
      return
    }
    const at = f.local('i32')
    f.for(at, 0, 4 * x.places, 4, () => {
      const to = f.let(i32.add(line, i32.mul(at, x.stride)))
      f.do(f32.store(to, f32.add(f32.load(to), f32.load(i32.add(f.scratch, at)))))
    })
  })
}

function spreadTiles(f: Func, { y, x }: Windows): void {
  const [source, target] = [f.pointer(0), f.pointer(1)]
  const [n, row] = [f.local('i32'), f.local('i32')]
  f.for(n, f.lo, f.hi, 1, () => {
    const start = f.let(i32.add(target, i32.mul(n, 4 * y.size * x.size)))
    if (2 * y.places < y.size || 2 * x.places < x.size) fillRun(f, start, 0, y.size * x.size)
    f.for(row, 0, y.places, 1, () => {
      const first = f.let(i32.add(i32.mul(n, y.places * x.places), i32.mul(row, x.places)))
      overFours(f, x.places, (place) => {
        const g = f.let(v128.load(i32.add(source, i32.shl(i32.add(first, place), 2))))
        const to = f.let(i32.add(start, i32.shl(i32.add(i32.mul(row, 2 * x.size), i32.shl(place, 1)), 2)))
        const halves = [f.let(v128.shuffle32(g, g, [0, 0, 1, 1])), f.let(v128.shuffle32(g, g, [2, 2, 3, 3]))]
        for (const line of [0, 1])
          halves.forEach((half, k) => {
            f.do(v128.store(to, half, 4 * line * x.size + 16 * k))
          })
      })
    })
  })
}
