import type { Range } from '../../../view.ts'
import { type I32, type Index, i32, type Statement, type V128 } from '../wasm/expr.ts'
import type { Func, Local } from '../wasm/func.ts'
import { f32x4, v128 } from '../wasm/simd.ts'

/** Where the lanes of a vector lie in a buffer. */
export interface Lanes {
  /** The first lane's address, but for `plus`. */
  readonly address: I32
  /** Bytes to add to it. */
  readonly plus: number
  /** Elements from one lane to the next. */
  readonly stride: number
  /** 1 to 4: what is beyond is neither read nor written. */
  readonly count: number
}

const SOME = [0, 1, 2, 3] as const

/** An address and the constant offset, of at least 0, that a load or store takes. */
const split = (address: I32, plus: number): [address: I32, offset: number] =>
  plus < 0 ? [i32.add(address, plus), 0] : [address, plus]

/** Reads the lanes; those beyond `count` are 0 or junk. */
export function loadLanes(f: Func, { address, plus, stride, count }: Lanes): Local<'v128'> {
  if (stride === 0) return f.let(v128.load32Splat(...split(address, plus)))
  if (stride === 1 && count === 4) return f.let(v128.load(...split(address, plus)))
  if (stride === -1 && count === 4) {
    const backwards = f.let(v128.load(...split(address, plus - 12)))
    return f.let(v128.shuffle32(backwards, backwards, [3, 2, 1, 0]))
  }
  if (Math.abs(stride) === 2 && count === 4) {
    // The second vector starts at the element before its first lane's, so as not to reach beyond the last one's.
    const [first, second] = stride > 0 ? [0, 12] : [-12, -24]
    const picks = stride > 0 ? ([0, 2, 5, 7] as const) : ([3, 1, 6, 4] as const)
    const pairs = [first, second].map((bytes) => v128.load(...split(address, plus + bytes)))
    return f.let(v128.shuffle32(pairs[0]!, pairs[1]!, picks))
  }
  if (stride === 1 && count > 1) {
    const pair = v128.load64Zero(...split(address, plus))
    return f.let(count === 2 ? pair : loadLane({ address, plus, stride }, 2, pair))
  }
  return f.let(
    SOME.slice(1, count).reduce<V128>(
      (value, lane) => loadLane({ address, plus, stride }, lane, value),
      v128.load32Zero(...split(address, plus)),
    ),
  )
}

function loadLane({ address, plus, stride }: Omit<Lanes, 'count'>, lane: number, into: V128): V128 {
  const [at, offset] = split(address, plus + 4 * stride * lane)
  return v128.load32Lane(at, into, lane, offset)
}

/** Writes the lanes. */
export function storeLanes(f: Func, { address, plus, stride, count }: Lanes, value: V128): void {
  if (stride === 1 && count > 1) {
    const [at, offset] = split(address, plus)
    if (count === 4) f.do(v128.store(at, value, offset))
    else {
      f.do(v128.store64Lane(at, value, 0, offset))
      if (count === 3) f.do(v128.store32Lane(at, value, 2, offset + 8))
    }
    return
  }
  for (const lane of SOME.slice(0, stride === 0 ? 1 : count))
    f.do(storeLane(address, plus + 4 * stride * lane, value, lane))
}

function storeLane(address: I32, plus: number, value: V128, lane: number): Statement {
  const [at, offset] = split(address, plus)
  return v128.store32Lane(at, value, lane, offset)
}

/** Where elements are 0 rather than read. */
export interface Mask {
  /** Not 0 where the coordinates other than the lanes' lie inside; null where nothing restricts them. */
  readonly inside: I32 | null
  /** The part that the lanes must lie in, and where the first one lies; null for any. */
  readonly along: { readonly range: Range; readonly first: Index } | null
}

/** Reads the lanes that lie inside; no address outside is touched. */
export function loadMasked(f: Func, lanes: Lanes, { inside, along }: Mask): Local<'v128'> {
  const value = f.let(f32x4.const(0))
  const whole = () => f.set(value, loadLanes(f, lanes))
  const read = () => {
    if (!along) return whole()
    const [low, high] = along.range
    const oneByOne = () => {
      for (const lane of SOME.slice(0, lanes.count))
        f.if(i32.ltU(i32.add(along.first, lane - low), high - low), () =>
          f.set(value, loadLane(lanes, lane, value)),
        )
    }
    const { count } = lanes
    if (high - low < count) oneByOne()
    else f.if(i32.ltU(i32.add(along.first, -low), high - low - count + 1), whole, oneByOne)
  }
  if (inside) f.if(inside, read)
  else read()
  return value
}
