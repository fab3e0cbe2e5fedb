import { sizeOf } from '../../shape.ts'
import type { DeviationKernel } from '../kernel.ts'
import type { Recipe, RecipeOptions } from './recipe.ts'
import { type F64, f32, f64, type I32, type Index, i32, select, type V128 } from './wasm/expr.ts'
import type { Func, Local } from './wasm/func.ts'
import { f64x2, v128 } from './wasm/simd.ts'

/** From here on threads share lines, where there are few of them. */
const LONG = 1 << 14

/**
 * The mean, then the squares, both in doubles: a mean far from 0 costs no digits, and equal elements, whose sum and mean
 * are exact, give 0. The input is contiguous.
 */
export function deviationRecipe(kernel: DeviationKernel, { threads }: RecipeOptions): Recipe {
  const n = kernel.inputs[0]!.shape.at(-1)!
  const lines = sizeOf(kernel.out)
  return n >= LONG && threads > 1 && lines < 2 * threads ? shared(n, lines, threads) : perLine(n, lines)
}

function perLine(n: number, lines: number): Recipe {
  const build = (f: Func) => {
    const [x, out, line] = [f.pointer(0), f.pointer(1), f.local('i32')]
    f.for(line, f.lo, f.hi, 1, () => {
      const start = f.let(i32.add(x, i32.mul(line, 4 * n)))
      const mean = f.let(f64.div(sum(f, start, n), f64.const(n)))
      const squares = sumOfSquares(f, start, n, mean)
      f.do(f32.store(i32.add(out, i32.shl(line, 2)), f32.demote(squares)))
    })
  }
  const routine = { key: `deviation ${n}`, scratch: 0, build }
  return { workspace: 0, stages: [{ routine, units: lines, cost: 5 + 0.4 * n, completes: 1 }] }
}

/** Each line in parts: their sums, their squares, and those added up. */
function shared(n: number, lines: number, parts: number): Recipe {
  const units = lines * parts
  const size = 8 * Math.ceil(n / parts / 8)
  const key = (stage: string) => `deviation ${stage} ${n}/${parts} ${lines}`
  /** Calls `body` with the address and the length of each part, and where its sum lies. */
  const eachPart = (f: Func, body: (start: I32, count: I32, line: I32, sums: I32, place: I32) => void) => {
    const [x, sums, unit] = [f.pointer(0), f.pointer(2), f.local('i32')]
    f.for(unit, f.lo, f.hi, 1, () => {
      const line = f.let(i32.divU(unit, parts))
      const first = f.let(i32.mul(i32.sub(unit, i32.mul(line, parts)), size))
      const left = f.let(i32.sub(n, first))
      const rest = f.let(select(i32.gtS(left, 0), left, i32.const(0)))
      const count = f.let(select(i32.ltS(rest, size), rest, i32.const(size)))
      const start = f.let(i32.add(x, i32.shl(i32.add(i32.mul(line, n), first), 2)))
      body(start, count, line, sums, f.let(i32.add(sums, i32.shl(unit, 3))))
    })
  }
  const squaresAt = 8 * units
  const stages = [
    {
      key: key('sums'),
      build: (f: Func) =>
        eachPart(f, (start, count, _line, _sums, place) => f.do(f64.store(place, sum(f, start, count)))),
    },
    {
      key: key('squares'),
      build: (f: Func) =>
        eachPart(f, (start, count, line, sums, place) => {
          const mean = f.let(f64.div(totalOf(f, sums, line, parts, 0), f64.const(n)))
          f.do(f64.store(place, sumOfSquares(f, start, count, mean), squaresAt))
        }),
    },
  ]
  const last = (f: Func) => {
    const [out, sums, line] = [f.pointer(1), f.pointer(2), f.local('i32')]
    f.for(line, f.lo, f.hi, 1, () => {
      const total = totalOf(f, sums, line, parts, squaresAt)
      f.do(f32.store(i32.add(out, i32.shl(line, 2)), f32.demote(total)))
    })
  }
  return {
    workspace: 2 * squaresAt,
    stages: [
      ...stages.map((routine) => ({ routine: { ...routine, scratch: 0 }, units, cost: (0.2 * n) / parts })),
      { routine: { key: key('total'), scratch: 0, build: last }, units: lines, cost: 10 },
    ],
  }
}

/** The sum over a line's parts. */
function totalOf(f: Func, sums: I32, line: I32, parts: number, offset: number): F64 {
  const [total, part] = [f.let(f64.const(0)), f.local('i32')]
  const start = f.let(i32.add(sums, i32.mul(line, 8 * parts)))
  f.for(part, 0, 8 * parts, 8, () => {
    f.set(total, f64.add(total, f64.load(i32.add(start, part), offset)))
  })
  return total
}

const sum = (f: Func, start: I32, count: Index): F64 =>
  inDoubles(f, start, count, { two: (x) => x, one: (x) => x })

function sumOfSquares(f: Func, start: I32, count: Index, mean: Local<'f64'>): F64 {
  const means = f.let(f64x2.splat(mean))
  return inDoubles(f, start, count, {
    two: (x) => {
      const d = f.let(f64x2.sub(x, means))
      return f64x2.mul(d, d)
    },
    one: (x) => {
      const d = f.let(f64.sub(x, mean))
      return f64.mul(d, d)
    },
  })
}

interface Term {
  readonly two: (x: V128) => V128
  readonly one: (x: F64) => F64
}

/** The sum of a term of each of `count` floats in a row, in doubles. */
function inDoubles(f: Func, start: I32, count: Index, { two, one }: Term): F64 {
  const chains = Array.from({ length: 4 }, () => f.let(f64x2.splat(f64.const(0))))
  const at = f.local('i32')
  const whole = typeof count === 'number' ? 4 * (count - (count % 8)) : f.let(i32.and(i32.shl(count, 2), -32))
  const end = typeof count === 'number' ? 4 * count : i32.shl(count, 2)
  f.for(at, 0, whole, 32, () => {
    chains.forEach((chain, c) => {
      const x = f64x2.promoteLow(v128.load64Zero(i32.add(start, at), 8 * c))
      f.set(chain, f64x2.add(chain, two(x)))
    })
  })
  const joined = f.let(chains.reduce<V128>((a, b) => f64x2.add(a, b), f64x2.splat(f64.const(0))))
  const total = f.let(f64.add(f64x2.extract(joined, 0), f64x2.extract(joined, 1)))
  f.for(at, whole, end, 4, () => {
    f.set(total, f64.add(total, one(f64.promote(f32.load(i32.add(start, at))))))
  })
  return total
}
