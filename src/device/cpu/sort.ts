import { sizeOf } from '../../shape.ts'
import type { ArgsortKernel } from '../kernel.ts'
import type { Recipe, RecipeOptions } from './recipe.ts'
import { fillRun } from './runs.ts'
import { f32, type I32, i32, select } from './wasm/expr.ts'
import type { Func, Local } from './wasm/func.ts'
import { i32x4, v128 } from './wasm/simd.ts'

/** Up to this length inserting is faster than counting digits. */
const SHORT = 48

/** Lines of `n` elements, `inner` apart, of which the first `keep` in order are wanted. */
interface Lines {
  readonly n: number
  readonly inner: number
  readonly keep: number
  readonly descending: boolean
}

/**
 * Positions along `dim` in the order of x's values: by insertion for short lines, digit by digit (radix sort) for others.
 * The input is contiguous.
 */
export function argsortRecipe(
  { inputs, out, dim, descending }: ArgsortKernel,
  _options: RecipeOptions,
): Recipe {
  const { shape } = inputs[0]!
  const n = shape[dim]!
  const lines: Lines = { n, inner: sizeOf(shape.slice(dim + 1)), keep: out[dim]!, descending }
  const short = n <= SHORT
  const { bytes, sort } = short ? insertion(lines) : radix(lines)
  const build = (f: Func) => {
    const [x, places, line] = [f.pointer(0), f.pointer(1), f.local('i32')]
    f.for(line, f.lo, f.hi, 1, () => {
      const outer = lines.inner === 1 ? line : f.let(i32.divU(line, lines.inner))
      const within = i32.sub(line, i32.mul(outer, lines.inner))
      const start = (pointer: I32, size: number) =>
        f.let(i32.add(pointer, i32.shl(i32.add(i32.mul(outer, size * lines.inner), within), 2)))
      sort(f, start(x, n), start(places, lines.keep))
    })
  }
  const key = `argsort ${n}*${lines.inner}>${lines.keep}${descending ? ' descending' : ''}`
  return {
    workspace: 0,
    stages: [
      {
        routine: { key, scratch: bytes, build },
        units: n === 0 ? 0 : sizeOf(shape) / n,
        cost: short ? 10 + 0.2 * n * n : 300 + 7 * n,
        ...(lines.inner === 1 ? { completes: lines.keep } : {}),
      },
    ],
  }
}

interface Sorter {
  /** Of scratch. */
  readonly bytes: number
  readonly sort: (f: Func, x: Local<'i32'>, out: Local<'i32'>) => void
}

/** An unsigned key in the order of the floats: NaN last (or first), both zeros alike. */
function keyOf(f: Func, x: I32, descending: boolean): Local<'i32'> {
  const value = f.let(f32.add(f32.load(x), f32.const(0)))
  const bits = f.let(i32.reinterpretF32(value))
  // Negative floats grow downwards: all their bits turn.
  const ordered = i32.xor(bits, i32.or(i32.shrS(bits, 31), 0x80000000))
  const key = select(f32.eq(value, value), ordered, i32.const(-1))
  return f.let(descending ? i32.xor(key, -1) : key)
}

/** Entries in scratch: a key, and the place it came from. */
const ENTRY = 8

function putEntry(f: Func, address: I32, key: I32, place: I32, offset = 0): void {
  f.do(i32.store(address, key, offset))
  f.do(i32.store(address, place, offset + 4))
}

function insertion({ n, inner, keep, descending }: Lines): Sorter {
  const sort = (f: Func, x: Local<'i32'>, out: Local<'i32'>) => {
    const [i, at, before] = [f.local('i32'), f.local('i32'), f.local('i32')]
    f.for(i, 0, n, 1, () => {
      const key = keyOf(f, i32.add(x, i32.mul(i, 4 * inner)), descending)
      f.set(at, i32.add(f.scratch, i32.mul(i, ENTRY)))
      const moving = f.let(i32.const(1))
      f.while(i32.and(moving, i32.gtU(at, f.scratch)), () => {
        f.set(before, i32.load(i32.sub(at, ENTRY)))
        f.set(moving, i32.gtU(before, key))
        f.if(moving, () => {
          putEntry(f, at, before, i32.load(i32.sub(at, ENTRY - 4)))
          f.set(at, i32.sub(at, ENTRY))
        })
      })
      putEntry(f, at, key, i)
    })
    f.for(i, 0, keep, 1, () => {
      const place = f32.convertI32(i32.load(i32.add(f.scratch, i32.mul(i, ENTRY)), 4))
      f.do(f32.store(i32.add(out, i32.mul(i, 4 * inner)), place))
    })
  }
  return { bytes: ENTRY * n, sort }
}

/**
 * Sorts by the lowest digit first; each round keeps the order of equal digits. Counts of all digits come from one pass,
 * side by side as the lanes of a vector, so that one loop turns them into positions.
 */
function radix({ n, inner, keep, descending }: Lines): Sorter {
  const digit = n < 1000 ? 8 : 11
  const rounds = Math.ceil(32 / digit)
  const counters = 2 ** digit
  const [first, second] = [16 * counters, 16 * counters + ENTRY * n]

  const sort = (f: Func, x: Local<'i32'>, out: Local<'i32'>) => {
    const i = f.local('i32')
    const counter = (key: I32, round: number) => {
      const lowest = round === 0 ? key : i32.shrU(key, digit * round)
      const masked = digit * (round + 1) >= 32 ? lowest : i32.and(lowest, counters - 1)
      return f.let(i32.add(f.scratch, i32.shl(masked, 4)))
    }
    fillRun(f, f.scratch, 0, 4 * counters)
    f.for(i, 0, n, 1, () => {
      const key = keyOf(f, i32.add(x, i32.mul(i, 4 * inner)), descending)
      putEntry(f, f.let(i32.add(f.scratch, i32.mul(i, ENTRY))), key, i, first)
      for (let round = 0; round < rounds; round++) {
        const at = counter(key, round)
        f.do(i32.store(at, i32.add(i32.load(at, 4 * round), 1), 4 * round))
      }
    })
    const [positions, found] = [f.let(i32x4.splat(i32.const(0))), f.local('v128')]
    f.for(i, 0, 16 * counters, 16, () => {
      const at = i32.add(f.scratch, i)
      f.set(found, v128.load(at))
      f.do(v128.store(at, positions))
      f.set(positions, i32x4.add(positions, found))
    })
    for (let round = 0; round < rounds; round++) {
      const [from, to] = round % 2 === 0 ? [first, second] : [second, first]
      f.for(i, 0, ENTRY * n, ENTRY, () => {
        const entry = i32.add(f.scratch, i)
        const [key, place] = [f.let(i32.load(entry, from)), f.let(i32.load(entry, from + 4))]
        const at = counter(key, round)
        const position = f.let(i32.load(at, 4 * round))
        f.do(i32.store(at, i32.add(position, 1), 4 * round))
        if (round < rounds - 1)
          putEntry(f, f.let(i32.add(f.scratch, i32.mul(position, ENTRY))), key, place, to)
        else {
          const write = () =>
            f.do(f32.store(i32.add(out, i32.mul(position, 4 * inner)), f32.convertI32(place)))
          if (keep < n) f.if(i32.ltS(position, keep), write)
          else write()
        }
      })
    }
  }
  return { bytes: second + ENTRY * n, sort }
}
