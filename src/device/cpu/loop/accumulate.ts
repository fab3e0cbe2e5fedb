import type { FusedReduction } from '../../kernel.ts'
import { type F64, f32, f64, select, type V128 } from '../wasm/expr.ts'
import type { Func, Local } from '../wasm/func.ts'
import { f32x4, f64x2, i32x4, v128 } from '../wasm/simd.ts'

/** What a reduction has gathered so far. Several copies keep an addition from waiting for the one before. */
export interface Accumulator {
  /** Forgets everything. */
  reset(): void
  add(value: V128, copy: number): void
  /** Ends a run of additions, called at least every `RUN` of them per copy: errors grow with the run, not with the whole. */
  settle(): void
  /** All lanes together, in each lane. */
  together(): V128
  /** All lanes together: in lane 0 for a maximum, as a double for a sum. */
  partial(): Partial
  /** Each copy's lanes by themselves. */
  lanes(copy: number): V128
}

/** A part's share of a reduction over everything, as it goes to memory. */
export type Partial = { readonly sum: F64 } | { readonly extreme: V128 }

/** Most vectors that one copy may add up in float32. */
export const RUN = 64

/** What changes no reduction. */
export const neutral = (op: FusedReduction): number =>
  op === 'sum' ? 0 : op === 'max' ? -Infinity : Infinity

/** `long` where there may be more than one run. */
export const accumulator = (f: Func, op: FusedReduction, copies: number, long: boolean): Accumulator =>
  op === 'sum' ? new Sum(f, copies, long) : new Extreme(f, op, copies)

const upper = (value: V128): V128 => v128.shuffle32(value, value, [2, 3, 2, 3])

/** The lanes of one float32 vector as two doubles, 0 with 2 and 1 with 3. */
function doubles(f: Func, value: V128): V128 {
  const kept = f.let(value)
  return f64x2.add(f64x2.promoteLow(kept), f64x2.promoteLow(upper(kept)))
}

/** Runs in float32; what they come to is added in float64. */
class Sum implements Accumulator {
  readonly #f: Func
  readonly #runs: Local<'v128'>[]
  /** Per copy lanes 0, 1 and lanes 2, 3 of what is settled. */
  readonly #settled: (readonly [Local<'v128'>, Local<'v128'>])[] | null

  constructor(f: Func, copies: number, long: boolean) {
    this.#f = f
    this.#runs = Array.from({ length: copies }, () => f.local('v128'))
    this.#settled = long ? this.#runs.map(() => [f.local('v128'), f.local('v128')]) : null
  }

  reset(): void {
    for (const run of this.#runs) this.#f.set(run, f32x4.const(0))
    for (const pair of this.#settled ?? []) for (const half of pair) this.#f.set(half, f32x4.const(0))
  }

  add(value: V128, copy: number): void {
    const run = this.#runs[copy]!
    this.#f.set(run, f32x4.add(run, value))
  }

  settle(): void {
    this.#settled?.forEach(([low, high], copy) => {
      const run = this.#runs[copy]!
      this.#f.set(low, f64x2.add(low, f64x2.promoteLow(run)))
      this.#f.set(high, f64x2.add(high, f64x2.promoteLow(upper(run))))
      this.#f.set(run, f32x4.const(0))
    })
  }

  together(): V128 {
    return f32x4.splat(f32.demote(this.partial().sum))
  }

  partial(): { readonly sum: F64 } {
    const f = this.#f
    this.settle()
    const all = f.let(
      this.#settled ? balanced(this.#settled.flat(), f64x2.add) : doubles(f, balanced(this.#runs, f32x4.add)),
    )
    return { sum: f64.add(f64x2.extract(all, 0), f64x2.extract(all, 1)) }
  }

  lanes(copy: number): V128 {
    if (!this.#settled) return this.#runs[copy]!
    this.settle()
    const [low, high] = this.#settled[copy]!
    return v128.shuffle32(f32x4.demoteF64x2(low), f32x4.demoteF64x2(high), [0, 1, 4, 5])
  }
}

/** NaN is the most extreme of all, as in PyTorch; comparisons pass over it, so it is kept apart. */
class Extreme implements Accumulator {
  readonly #f: Func
  readonly #neutral: number
  readonly #better: (a: V128, b: V128) => V128
  readonly #best: Local<'v128'>[]
  readonly #unordered: Local<'v128'>[]

  constructor(f: Func, op: 'max' | 'min', copies: number) {
    this.#f = f
    this.#neutral = neutral(op)
    this.#better = op === 'max' ? f32x4.pmax : f32x4.pmin
    this.#best = Array.from({ length: copies }, () => f.local('v128'))
    this.#unordered = this.#best.map(() => f.local('v128'))
  }

  reset(): void {
    for (const best of this.#best) this.#f.set(best, f32x4.const(this.#neutral))
    for (const unordered of this.#unordered) this.#f.set(unordered, f32x4.const(0))
  }

  add(value: V128, copy: number): void {
    const [best, unordered] = [this.#best[copy]!, this.#unordered[copy]!]
    this.#f.set(best, this.#better(best, value))
    this.#f.set(unordered, v128.or(unordered, f32x4.ne(value, value)))
  }

  settle(): void {}

  together(): V128 {
    const f = this.#f
    const halves = f.let(balanced(this.#best, this.#better))
    const pair = f.let(this.#better(halves, v128.shuffle32(halves, halves, [2, 3, 0, 1])))
    const best = this.#better(pair, v128.shuffle32(pair, pair, [1, 0, 3, 2]))
    return select(v128.anyTrue(balanced(this.#unordered, v128.or)), f32x4.const(Number.NaN), best)
  }

  partial(): { readonly extreme: V128 } {
    return { extreme: this.together() }
  }

  lanes(copy: number): V128 {
    // All bits set is a NaN.
    return v128.or(this.#best[copy]!, this.#unordered[copy]!)
  }
}

/** Terms combined pair by pair. */
function balanced(terms: readonly V128[], combine: (a: V128, b: V128) => V128): V128 {
  if (terms.length === 1) return terms[0]!
  const half = Math.ceil(terms.length / 2)
  return combine(balanced(terms.slice(0, half), combine), balanced(terms.slice(half), combine))
}

/** The lanes that count, the others replaced by what changes nothing. */
export const masked = (f: Func, op: FusedReduction, value: V128, counted: V128): Local<'v128'> =>
  f.let(v128.bitselect(value, f32x4.const(neutral(op)), counted))

/** All bits of the lanes in [from, to). */
export const laneMask = (from: number, to: number): V128 => {
  const bits = (lane: number) => (lane >= from && lane < to ? -1 : 0)
  return i32x4.lanes([bits(0), bits(1), bits(2), bits(3)])
}
