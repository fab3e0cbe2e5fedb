import { sizeOf } from '../../shape.ts'
import { contiguous } from '../../view.ts'
import type { ReduceKernel } from '../kernel.ts'
import { joinDims } from '../text/grid.ts'
import type { Recipe, RecipeOptions } from './recipe.ts'
import { forRuns, inFours, keyOf, withoutDim } from './runs.ts'
import { f32, type I32, i32, select, type V128 } from './wasm/expr.ts'
import type { Func } from './wasm/func.ts'
import { f32x4, i32x4, v128 } from './wasm/simd.ts'

/** A line along the dim that is searched: `size` elements, `step` bytes apart. */
interface Line {
  readonly largest: boolean
  readonly size: number
  readonly step: number
}

/**
 * `argmax` and `argmin` along one dim: the first extreme's place, NaN being the most extreme of all. The input may be any
 * view without a mask.
 */
export function argRecipe({ op, inputs, dims }: ReduceKernel, _options: RecipeOptions): Recipe {
  const x = inputs[0]!
  const dim = dims[0]!
  const line: Line = { largest: op === 'argmax', size: x.shape[dim]!, step: 4 * x.strides[dim]! }
  const lines = withoutDim(x, dim)
  const { views } = joinDims(lines.shape, [lines, contiguous(lines.shape)])
  const between = views[0]!.strides.at(-1) ?? 0
  const build = (f: Func) => {
    forRuns(f, views, [f.pointer(0), f.pointer(1)], ([source, target], count) => {
      const start = (at: I32) => f.let(i32.add(source!, i32.mul(at, between)))
      const one = (at: I32) => {
        const search = line.step === 4 && line.size >= 4 ? searchRow : searchLine
        f.do(f32.store(i32.add(target!, at), f32.convertI32(search(f, start(at), line))))
      }
      if (between === 1 && line.step !== 4)
        inFours(f, count, (at) => f.do(v128.store(i32.add(target!, at), searchFour(f, start(at), line))), one)
      else {
        const at = f.local('i32')
        f.for(at, 0, i32.shl(count, 2), 4, () => one(at))
      }
    })
  }
  return {
    workspace: 0,
    stages: [
      {
        routine: { key: `${op} ${line.size}*${line.step} ${keyOf(views)}`, scratch: 0, build },
        units: sizeOf(lines.shape),
        cost: 5 + (line.step === 4 ? 0.25 : 0.8) * line.size,
        // Other lines are searched four at a time, which taking them one by one would undo.
        ...(line.step === 4 ? { completes: 1 } : {}),
      },
    ],
  }
}

/** One element after the other. */
function searchLine(f: Func, start: I32, { largest, size, step }: Line): I32 {
  const [most, value] = [f.let(f32.load(start)), f.local('f32')]
  const [place, at] = [f.let(i32.const(0)), f.local('i32')]
  const beats = largest ? f32.gt : f32.lt
  f.for(at, 1, size, 1, () => {
    f.set(value, f32.load(i32.add(start, i32.mul(at, step))))
    const better = i32.or(beats(value, most), f32.ne(value, value))
    f.if(i32.and(better, f32.eq(most, most)), () => {
      f.set(most, value)
      f.set(place, at)
    })
  })
  return place
}

/** Four lines side by side, as floats. */
function searchFour(f: Func, start: I32, { largest, size, step }: Line): V128 {
  const [most, value] = [f.let(v128.load(start)), f.local('v128')]
  const [place, round, better] = [f.let(f32x4.const(0)), f.let(f32x4.const(0)), f.local('v128')]
  const beats = largest ? f32x4.gt : f32x4.lt
  const at = f.local('i32')
  f.for(at, 1, size, 1, () => {
    f.set(value, v128.load(i32.add(start, i32.mul(at, step))))
    f.set(round, f32x4.add(round, f32x4.const(1)))
    const extreme = v128.or(beats(value, most), f32x4.ne(value, value))
    f.set(better, v128.and(extreme, f32x4.eq(most, most)))
    f.set(most, v128.bitselect(value, most, better))
    f.set(place, v128.bitselect(round, place, better))
  })
  return place
}

/** A line of at least four elements in a row: first the extreme, then where it stands. */
function searchRow(f: Func, start: I32, { largest, size }: Line): I32 {
  const more = largest ? f32x4.pmax : f32x4.pmin
  const [first, at] = [f.let(v128.load(start)), f.local('i32')]
  const chains = size >= 32 ? 4 : 1
  const most = Array.from({ length: chains }, () => f.let(first))
  const strange = f.let(f32x4.ne(first, first))
  const take = (chain: number, address: I32, offset: number) => {
    const value = f.let(v128.load(address, offset))
    f.set(strange, v128.or(strange, f32x4.ne(value, value)))
    f.set(most[chain]!, more(most[chain]!, value))
  }
  const rounds = Math.floor(size / (4 * chains))
  f.for(at, 0, 16 * chains * rounds, 16 * chains, () => {
    for (let c = 0; c < chains; c++) take(c, i32.add(start, at), 16 * c)
  })
  for (let i = 4 * chains * rounds; i < size; i += 4) take(0, start, 4 * Math.min(i, size - 4))
  const joined = f.let(most.reduce<V128>((a, b) => more(a, b), most[0]!))
  f.set(joined, more(joined, v128.shuffle32(joined, joined, [2, 3, 0, 1])))
  f.set(joined, more(joined, v128.shuffle32(joined, joined, [1, 0, 3, 2])))

  const place = f.local('i32')
  const find = (hits: (value: V128) => V128) => {
    const [address, end] = [f.let(start), f.let(i32.add(start, 4 * (size - 4)))]
    const found = f.local('i32')
    const look = () => {
      const value = f.let(v128.load(address))
      f.set(found, i32x4.bitmask(hits(value)))
    }
    look()
    f.while(i32.eqz(found), () => {
      f.set(address, i32.add(address, 16))
      f.set(address, select(i32.ltS(address, end), address, end))
      look()
    })
    f.set(place, i32.add(i32.shrU(i32.sub(address, start), 2), i32.ctz(found)))
  }
  f.if(
    v128.anyTrue(strange),
    () => find((value) => f32x4.ne(value, value)),
    () => find((value) => f32x4.eq(value, joined)),
  )
  return place
}
