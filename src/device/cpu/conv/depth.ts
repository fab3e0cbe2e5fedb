import { clear, type Sums } from '../matmul/tile.ts'
import { i32, select } from '../wasm/expr.ts'
import type { Func, Local } from '../wasm/func.ts'
import { f32x4, v128 } from '../wasm/simd.ts'
import type { TileInputs } from './tile.ts'

/** Products that are added up one by one; longer sums go in parts, whose errors do not grow with the whole. */
const PART = 512

/**
 * Adds `product(offset)` over all taps to `sums`, which begin at zero. `most` is how many taps there may be: with few
 * there is no code for parts.
 */
export function sumTaps(
  f: Func,
  { taps, tapsEnd, totals }: TileInputs,
  most: number,
  sums: Sums,
  product: (offset: Local<'i32'>) => void,
): void {
  const [tap, offset] = [f.local('i32'), f.local('i32')]
  const part = (from: Local<'i32'> | TileInputs['taps'], end: Local<'i32'>) => {
    clear(f, sums)
    f.for(tap, from, end, 4, () => {
      f.set(offset, i32.load(tap))
      product(offset)
    })
  }
  if (most <= PART) {
    part(taps, tapsEnd)
    return
  }
  const flat = sums.flat()
  const [from, end] = [f.let(taps), f.local('i32')]
  flat.forEach((_, i) => {
    f.do(v128.store(totals, f32x4.const(0), 16 * i))
  })
  const next = () => {
    const full = f.let(i32.add(from, 4 * PART))
    f.set(end, select(i32.ltS(full, tapsEnd), full, tapsEnd))
  }
  const more = i32.ltS(from, tapsEnd)
  clear(f, sums)
  f.while(more, () => {
    next()
    part(from, end)
    flat.forEach((sum, i) => {
      f.set(sum, f32x4.add(sum, v128.load(totals, 16 * i)))
      f.do(v128.store(totals, sum, 16 * i))
    })
    f.set(from, end)
  })
}
