import type { PoolKernel } from '../../kernel.ts'
import type { Recipe } from '../recipe.ts'
import { fillRun } from '../runs.ts'
import { f32, type I32, i32 } from '../wasm/expr.ts'
import type { Func, Local } from '../wasm/func.ts'
import { f32x4, v128 } from '../wasm/simd.ts'
import { areTiles, keyOf, overFours, rampFrom, type Windows, windowsOf } from './windows.ts'

/** (x, index): the elements at places on their planes; NaN for none. */
export function takeRecipe(kernel: PoolKernel): Recipe {
  const windows = windowsOf(kernel, kernel.inputs[0]!.shape, kernel.out)
  const [plane, places] = [windows.y.size * windows.x.size, windows.y.places * windows.x.places]
  const build = (f: Func) => {
    const [source, indices, target] = [f.pointer(0), f.pointer(1), f.pointer(2)]
    overPlaces(f, indices, plane, places, (n, at, place) => {
      const to = f.let(i32.add(target, at))
      const start = i32.add(source, i32.mul(n, 4 * plane))
      f.if(
        isPlace(place, plane),
        () => f.do(f32.store(to, f32.load(i32.add(start, i32.shl(i32.truncF32(place), 2))))),
        () => f.do(f32.store(to, f32.const(Number.NaN))),
      )
    })
  }
  return {
    workspace: 0,
    stages: [
      {
        routine: { key: `pool take ${plane} ${places}`, scratch: 0, build },
        units: windows.planes,
        cost: 1.5 * places,
        completes: places,
      },
    ],
  }
}

/** (g, index): planes with g added at those places. */
export function putRecipe(kernel: PoolKernel): Recipe {
  const windows = windowsOf(kernel, kernel.out, kernel.inputs[0]!.shape)
  const [plane, places] = [windows.y.size * windows.x.size, windows.y.places * windows.x.places]
  const tiles = areTiles(windows)
  return {
    workspace: 0,
    stages: [
      {
        routine: {
          key: tiles ? `pool put tiles ${keyOf(windows)}` : `pool put ${plane} ${places}`,
          scratch: 0,
          build: (f) => (tiles ? putInTiles(f, windows) : putAnywhere(f, plane, places)),
        },
        units: windows.planes,
        cost: 0.1 * plane + (tiles ? 0 : 1.5 * places),
        completes: plane,
      },
    ],
  }
}

const isPlace = (place: Local<'f32'>, plane: number): I32 =>
  i32.and(f32.ge(place, f32.const(0)), f32.lt(place, f32.const(plane)))

/** Calls `body` with each plane, each place's byte offset in the indices, and the index there. */
function overPlaces(
  f: Func,
  indices: I32,
  plane: number,
  places: number,
  body: (n: I32, at: I32, place: Local<'f32'>) => void,
  before: (start: I32) => void = () => {},
): void {
  const [n, i, place] = [f.local('i32'), f.local('i32'), f.local('f32')]
  f.for(n, f.lo, f.hi, 1, () => {
    before(i32.mul(n, 4 * plane))
    const start = f.let(i32.mul(n, 4 * places))
    f.for(i, 0, 4 * places, 4, () => {
      const at = f.let(i32.add(start, i))
      f.set(place, f32.load(i32.add(indices, at)))
      body(n, at, place)
    })
  })
}

function putAnywhere(f: Func, plane: number, places: number): void {
  const [g, indices, target] = [f.pointer(0), f.pointer(1), f.pointer(2)]
  overPlaces(
    f,
    indices,
    plane,
    places,
    (n, at, place) => {
      f.if(isPlace(place, plane), () => {
        const start = i32.add(target, i32.mul(n, 4 * plane))
        const to = f.let(i32.add(start, i32.shl(i32.truncF32(place), 2)))
        f.do(f32.store(to, f32.add(f32.load(to), f32.load(i32.add(g, at)))))
      })
    },
    (start) => fillRun(f, f.let(i32.add(target, start)), 0, plane),
  )
}

/** Each place of a tile is g where the index is its own, else 0. */
function putInTiles(f: Func, { y, x }: Windows): void {
  const [g, indices, target] = [f.pointer(0), f.pointer(1), f.pointer(2)]
  const [n, row] = [f.local('i32'), f.local('i32')]
  f.for(n, f.lo, f.hi, 1, () => {
    const start = f.let(i32.add(target, i32.mul(n, 4 * y.size * x.size)))
    const rest = 2 * y.places < y.size || 2 * x.places < x.size
    if (rest) fillRun(f, start, 0, y.size * x.size)
    f.for(row, 0, y.places, 1, () => {
      const first = f.let(i32.add(i32.mul(n, y.places * x.places), i32.mul(row, x.places)))
      overFours(f, x.places, (place) => {
        const at = f.let(i32.shl(i32.add(first, place), 2))
        const value = f.let(v128.load(i32.add(g, at)))
        const corner = f.let(i32.add(i32.mul(row, 2 * x.size), i32.shl(place, 1)))
        const own = rampFrom(f32x4.splat(f32.convertI32(corner)), 2)
        const offset = f.let(f32x4.sub(v128.load(i32.add(indices, at)), own))
        const to = f.let(i32.add(start, i32.shl(corner, 2)))
        for (const line of [0, 1]) {
          const [left, right] = [0, 1].map((column) => {
            const mine = f32x4.eq(offset, f32x4.const(line * x.size + column))
            return f.let(v128.and(value, mine))
          }) as [Local<'v128'>, Local<'v128'>]
          f.do(v128.store(to, v128.shuffle32(left, right, [0, 4, 1, 5]), 4 * line * x.size))
          f.do(v128.store(to, v128.shuffle32(left, right, [2, 6, 3, 7]), 4 * line * x.size + 16))
        }
      })
    })
  })
}
