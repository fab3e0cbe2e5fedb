import { sizeOf } from '../../shape.ts'
import type { View } from '../../view.ts'
import { joinDims } from '../text/grid.ts'
import type { Stage } from './recipe.ts'
import { f32, type I32, type Index, i32, select } from './wasm/expr.ts'
import type { Func, Local } from './wasm/func.ts'
import { f32x4, v128 } from './wasm/simd.ts'

/** Calls `four` with the byte offset of every four of `count` elements in a row, then `one` for each that is left. */
export function inFours(
  f: Func,
  count: Index,
  four: (offset: Local<'i32'>) => void,
  one: (offset: Local<'i32'>) => void,
): void {
  const at = f.local('i32')
  const whole = typeof count === 'number' ? 4 * (count - (count % 4)) : f.let(i32.and(i32.shl(count, 2), -16))
  const end = typeof count === 'number' ? 4 * count : i32.shl(count, 2)
  f.for(at, 0, whole, 16, () => four(at))
  f.for(at, whole, end, 4, () => one(at))
}

/** Copies `count` elements in a row. */
export function copyRun(f: Func, to: I32, from: I32, count: Index): void {
  inFours(
    f,
    count,
    (at) => f.do(v128.store(i32.add(to, at), v128.load(i32.add(from, at)))),
    (at) => f.do(f32.store(i32.add(to, at), f32.load(i32.add(from, at)))),
  )
}

/** Sets `count` elements in a row to a constant. */
export function fillRun(f: Func, to: I32, value: number, count: Index): void {
  inFours(
    f,
    count,
    (at) => f.do(v128.store(i32.add(to, at), f32x4.const(value))),
    (at) => f.do(f32.store(i32.add(to, at), f32.const(value))),
  )
}

/** Adds `count` elements in a row to others. */
export function addRun(f: Func, to: I32, from: I32, count: Index): void {
  const sum = (at: I32) => i32.add(to, at)
  inFours(
    f,
    count,
    (at) => f.do(v128.store(sum(at), f32x4.add(v128.load(sum(at)), v128.load(i32.add(from, at))))),
    (at) => f.do(f32.store(sum(at), f32.add(f32.load(sum(at)), f32.load(i32.add(from, at))))),
  )
}

/**
 * Walks the elements [lo, hi) of views of equal shape, in order, in runs along their last dim: `body` gets the address
 * at which each view's run starts, and how many elements it has.
 */
export function forRuns(
  f: Func,
  views: readonly View[],
  pointers: readonly I32[],
  body: (starts: readonly Local<'i32'>[], count: Local<'i32'>) => void,
): void {
  const { shape } = views[0]!
  const run = (outer: readonly I32[], first: I32, count: I32) => {
    const starts = views.map(({ offset, strides }, v) =>
      f.let(i32.add(outer[v]!, i32.add(i32.mul(first, 4 * (strides.at(-1) ?? 0)), 4 * offset))),
    )
    body(starts, f.let(count))
  }
  if (shape.length <= 1) {
    f.if(i32.ltS(f.lo, f.hi), () => run(pointers, f.lo, i32.sub(f.hi, f.lo)))
    return
  }
  const at = f.let(f.lo)
  const length = shape.at(-1)!
  f.while(i32.ltS(at, f.hi), () => {
    const row = f.let(i32.divU(at, length))
    const first = f.let(i32.sub(at, i32.mul(row, length)))
    const [rest, wanted] = [f.let(i32.sub(length, first)), f.let(i32.sub(f.hi, at))]
    const count = f.let(select(i32.ltS(rest, wanted), rest, wanted))
    f.set(at, i32.add(at, count))
    run(addressesOf(f, views, pointers, row), first, count)
  })
}

/** Where row `row` of each view starts, rows being counted over all dims but the last. */
function addressesOf(
  f: Func,
  views: readonly View[],
  pointers: readonly I32[],
  row: Local<'i32'>,
): readonly I32[] {
  const { shape } = views[0]!
  let addresses = pointers
  let rest = row
  for (let d = shape.length - 2; d >= 0; d--) {
    const above = d === 0 ? null : f.let(i32.divU(rest, shape[d]!))
    const coord = above === null ? rest : f.let(i32.sub(rest, i32.mul(above, shape[d]!)))
    addresses = addresses.map((address, v) => {
      const stride = views[v]!.strides[d]!
      return stride === 0 ? address : i32.add(address, i32.mul(coord, 4 * stride))
    })
    if (above !== null) rest = above
  }
  return addresses
}

/** The view without a dim: as it lies where that dim's coordinate is 0. */
export const withoutDim = (view: View, dim: number): View => ({
  shape: view.shape.filter((_, d) => d !== dim),
  strides: view.strides.filter((_, d) => d !== dim),
  offset: view.offset,
  mask: null,
})

/** Views in a routine's key. */
export const keyOf = (views: readonly View[]): string =>
  views.map((v) => `[${v.shape}]:[${v.strides}]+${v.offset}`).join(' ')

/** Copies what `from` shows of one argument to where `to`, of equal shape, lies in another; neither is masked. */
export function copyStage(from: View, to: View, arg: { readonly from: number; readonly to: number }): Stage {
  const { views } = joinDims(from.shape, [from, to])
  const [stepFrom, stepTo] = views.map((v) => v.strides.at(-1) ?? 1) as [number, number]
  return {
    routine: {
      key: `copy ${arg.from}>${arg.to} ${keyOf(views)}`,
      scratch: 0,
      build: (f) => {
        forRuns(f, views, [f.pointer(arg.from), f.pointer(arg.to)], ([source, target], count) => {
          if (stepTo === 1 && stepFrom === 1) copyRun(f, target!, source!, count)
          else if (stepTo === 1 && stepFrom === 0) {
            const value = f.let(v128.load32Splat(source!))
            inFours(
              f,
              count,
              (at) => f.do(v128.store(i32.add(target!, at), value)),
              (at) => f.do(v128.store32Lane(i32.add(target!, at), value, 0)),
            )
          } else {
            const at = f.local('i32')
            f.for(at, 0, i32.shl(count, 2), 4, () => {
              const value = f32.load(i32.add(source!, i32.mul(at, stepFrom)))
              f.do(f32.store(i32.add(target!, i32.mul(at, stepTo)), value))
            })
          }
        })
      },
    },
    units: sizeOf(from.shape),
    cost: stepTo === 1 && stepFrom <= 1 ? 0.1 : 1,
  }
}
