import {
  binary,
  type Expr,
  type Index,
  index,
  load,
  opcode,
  SIMD,
  type Statement,
  store,
  unary,
  type V128,
  type ValueType,
} from './expr.ts'

const ternary =
  (code: number) =>
  (a: V128, b: V128, c: V128): V128 => ({
    type: 'v128',
    emit: (to) => {
      a.emit(to)
      b.emit(to)
      c.emit(to)
      opcode(to, code)
    },
  })

/** A shift by a whole number of bits. */
const shift =
  (code: number) =>
  (a: V128, bits: Index): V128 => ({
    type: 'v128',
    emit: (to) => {
      a.emit(to)
      index(bits).emit(to)
      opcode(to, code)
    },
  })

const extract =
  <T extends ValueType>(type: T, code: number) =>
  (a: V128, lane: number): Expr<T> => ({
    type,
    emit: (to) => {
      a.emit(to)
      opcode(to, code)
      to.byte(lane)
    },
  })

const replace =
  <T extends ValueType>(code: number) =>
  (a: V128, lane: number, value: Expr<T>): V128 => ({
    type: 'v128',
    emit: (to) => {
      a.emit(to)
      value.emit(to)
      opcode(to, code)
      to.byte(lane)
    },
  })

const loadLane =
  (code: number, align: number) =>
  (address: Index, into: V128, lane: number, offset = 0): V128 => ({
    type: 'v128',
    emit: (to) => {
      index(address).emit(to)
      into.emit(to)
      opcode(to, code)
      to.unsigned(align)
      to.unsigned(offset)
      to.byte(lane)
    },
  })

const storeLane =
  (code: number, align: number) =>
  (address: Index, value: V128, lane: number, offset = 0): Statement => ({
    emit: (to) => {
      index(address).emit(to)
      value.emit(to)
      opcode(to, code)
      to.unsigned(align)
      to.unsigned(offset)
      to.byte(lane)
    },
  })

const lanes = (values: readonly [number, number, number, number], kind: 'f32' | 'i32'): Uint8Array =>
  new Uint8Array(kind === 'f32' ? Float32Array.from(values).buffer : Int32Array.from(values).buffer)

export const v128 = {
  /** 16 bytes from the pool in memory: V8 rebuilds a `v128.const` each time round a loop. */
  pooled: (bytes: Uint8Array): V128 => ({
    type: 'v128',
    emit: (to) => v128.load(to.target.constant(bytes)).emit(to),
  }),
  load: load('v128', SIMD + 0x00, 4),
  load32Splat: load('v128', SIMD + 0x09, 2),
  load64Splat: load('v128', SIMD + 0x0a, 3),
  /** One float in lane 0, zeros in the others. */
  load32Zero: load('v128', SIMD + 0x5c, 2),
  load64Zero: load('v128', SIMD + 0x5d, 3),
  store: store<'v128'>(SIMD + 0x0b, 4),
  load32Lane: loadLane(SIMD + 0x56, 2),
  load64Lane: loadLane(SIMD + 0x57, 3),
  store32Lane: storeLane(SIMD + 0x5a, 2),
  store64Lane: storeLane(SIMD + 0x5b, 3),
  not: unary<'v128', 'v128'>('v128', SIMD + 0x4d),
  and: binary<'v128', 'v128'>('v128', SIMD + 0x4e),
  /** a and not b. */
  andnot: binary<'v128', 'v128'>('v128', SIMD + 0x4f),
  or: binary<'v128', 'v128'>('v128', SIMD + 0x50),
  xor: binary<'v128', 'v128'>('v128', SIMD + 0x51),
  /** Bits of a where c is set, else of b. */
  bitselect: ternary(SIMD + 0x52),
  anyTrue: unary<'v128', 'i32'>('i32', SIMD + 0x53),
  /** Four 32-bit lanes out of eight: 0 to 3 are a's, 4 to 7 b's. */
  shuffle32: (a: V128, b: V128, picks: readonly [number, number, number, number]): V128 => ({
    type: 'v128',
    emit: (to) => {
      a.emit(to)
      b.emit(to)
      opcode(to, SIMD + 0x0d)
      for (const lane of picks) for (let k = 0; k < 4; k++) to.byte(4 * lane + k)
    },
  }),
}

export const i32x4 = {
  const: (value: number): V128 => v128.pooled(lanes([value, value, value, value], 'i32')),
  lanes: (values: readonly [number, number, number, number]): V128 => v128.pooled(lanes(values, 'i32')),
  splat: unary<'i32', 'v128'>('v128', SIMD + 0x11),
  extract: extract('i32', SIMD + 0x1b),
  replace: replace<'i32'>(SIMD + 0x1c),
  eq: binary<'v128', 'v128'>('v128', SIMD + 0x37),
  ne: binary<'v128', 'v128'>('v128', SIMD + 0x38),
  ltS: binary<'v128', 'v128'>('v128', SIMD + 0x39),
  gtS: binary<'v128', 'v128'>('v128', SIMD + 0x3b),
  leS: binary<'v128', 'v128'>('v128', SIMD + 0x3d),
  geS: binary<'v128', 'v128'>('v128', SIMD + 0x3f),
  add: binary<'v128', 'v128'>('v128', SIMD + 0xae),
  sub: binary<'v128', 'v128'>('v128', SIMD + 0xb1),
  mul: binary<'v128', 'v128'>('v128', SIMD + 0xb5),
  shl: shift(SIMD + 0xab),
  shrS: shift(SIMD + 0xac),
  shrU: shift(SIMD + 0xad),
  allTrue: unary<'v128', 'i32'>('i32', SIMD + 0xa3),
  /** The sign bits of the four lanes as a number. */
  bitmask: unary<'v128', 'i32'>('i32', SIMD + 0xa4),
  truncF32x4: unary<'v128', 'v128'>('v128', SIMD + 0xf8),
}

const product = binary<'v128', 'v128'>('v128', SIMD + 0xe6)
const addition = binary<'v128', 'v128'>('v128', SIMD + 0xe4)
const difference = binary<'v128', 'v128'>('v128', SIMD + 0xe5)

export const f32x4 = {
  const: (value: number): V128 => v128.pooled(lanes([value, value, value, value], 'f32')),
  lanes: (values: readonly [number, number, number, number]): V128 => v128.pooled(lanes(values, 'f32')),
  splat: unary<'f32', 'v128'>('v128', SIMD + 0x13),
  extract: extract('f32', SIMD + 0x1f),
  replace: replace<'f32'>(SIMD + 0x20),
  eq: binary<'v128', 'v128'>('v128', SIMD + 0x41),
  ne: binary<'v128', 'v128'>('v128', SIMD + 0x42),
  lt: binary<'v128', 'v128'>('v128', SIMD + 0x43),
  gt: binary<'v128', 'v128'>('v128', SIMD + 0x44),
  le: binary<'v128', 'v128'>('v128', SIMD + 0x45),
  ge: binary<'v128', 'v128'>('v128', SIMD + 0x46),
  ceil: unary<'v128', 'v128'>('v128', SIMD + 0x67),
  floor: unary<'v128', 'v128'>('v128', SIMD + 0x68),
  trunc: unary<'v128', 'v128'>('v128', SIMD + 0x69),
  nearest: unary<'v128', 'v128'>('v128', SIMD + 0x6a),
  abs: unary<'v128', 'v128'>('v128', SIMD + 0xe0),
  neg: unary<'v128', 'v128'>('v128', SIMD + 0xe1),
  sqrt: unary<'v128', 'v128'>('v128', SIMD + 0xe3),
  add: addition,
  sub: difference,
  mul: product,
  div: binary<'v128', 'v128'>('v128', SIMD + 0xe7),
  /** IEEE minimum: slow (several machine instructions); see `pmin`. */
  min: binary<'v128', 'v128'>('v128', SIMD + 0xe8),
  max: binary<'v128', 'v128'>('v128', SIMD + 0xe9),
  /** b < a ? b : a. With a NaN, a. */
  pmin: binary<'v128', 'v128'>('v128', SIMD + 0xea),
  /** a < b ? b : a. With a NaN, a. */
  pmax: binary<'v128', 'v128'>('v128', SIMD + 0xeb),
  convertI32x4: unary<'v128', 'v128'>('v128', SIMD + 0xfa),
  /** Two doubles as floats in lanes 0 and 1, zeros above. */
  demoteF64x2: unary<'v128', 'v128'>('v128', SIMD + 0x5e),
  /** a * b + c: rounded once where the target has fused multiply-add. */
  mulAdd: (a: V128, b: V128, c: V128): V128 => ({
    type: 'v128',
    emit: (to) => (to.target.fma ? ternary(SIMD + 0x105)(a, b, c) : addition(product(a, b), c)).emit(to),
  }),
  /** c - a * b: rounded once where the target has fused multiply-add. */
  mulSub: (a: V128, b: V128, c: V128): V128 => ({
    type: 'v128',
    emit: (to) => (to.target.fma ? ternary(SIMD + 0x106)(a, b, c) : difference(c, product(a, b))).emit(to),
  }),
}

export const f64x2 = {
  const: (value: number): V128 => v128.pooled(new Uint8Array(Float64Array.of(value, value).buffer)),
  splat: unary<'f64', 'v128'>('v128', SIMD + 0x14),
  extract: extract('f64', SIMD + 0x21),
  add: binary<'v128', 'v128'>('v128', SIMD + 0xf0),
  sub: binary<'v128', 'v128'>('v128', SIMD + 0xf1),
  mul: binary<'v128', 'v128'>('v128', SIMD + 0xf2),
  div: binary<'v128', 'v128'>('v128', SIMD + 0xf3),
  /** Lanes 0 and 1 as doubles. */
  promoteLow: unary<'v128', 'v128'>('v128', SIMD + 0x5f),
}
