import type { Emitter } from './emitter.ts'

export type ValueType = 'i32' | 'f32' | 'f64' | 'v128'

/** A value: emitting it leaves it on the stack. Emitted twice it is computed twice; keep it in a local instead. */
export interface Expr<T extends ValueType = ValueType> {
  readonly type: T
  readonly emit: (to: Emitter) => void
}

export type I32 = Expr<'i32'>
export type F32 = Expr<'f32'>
export type F64 = Expr<'f64'>
export type V128 = Expr<'v128'>

/** An address, or a whole number as one. */
export type Index = I32 | number

/** Opcodes from 256 on carry the SIMD prefix: 0x100 + the opcode behind it. */
const SIMD = 0x100

function opcode(to: Emitter, code: number): void {
  if (code < SIMD) to.byte(code)
  else {
    to.byte(0xfd)
    to.unsigned(code - SIMD)
  }
}

const unary =
  <A extends ValueType, T extends ValueType>(type: T, code: number) =>
  (a: Expr<A>): Expr<T> => ({
    type,
    emit: (to) => {
      a.emit(to)
      opcode(to, code)
    },
  })

const binary =
  <A extends ValueType, T extends ValueType>(type: T, code: number) =>
  (a: Expr<A>, b: Expr<A>): Expr<T> => ({
    type,
    emit: (to) => {
      a.emit(to)
      b.emit(to)
      opcode(to, code)
    },
  })

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

/** A load from `address + offset` bytes; the offset is a constant of at least 0. */
const load =
  <T extends ValueType>(type: T, code: number, align: number) =>
  (address: Index, offset = 0): Expr<T> => ({
    type,
    emit: (to) => {
      index(address).emit(to)
      opcode(to, code)
      to.unsigned(align)
      to.unsigned(offset)
    },
  })

/** A statement that stores `value`; given to `Func.do`. */
export interface Statement {
  readonly emit: (to: Emitter) => void
}

const store =
  <T extends ValueType>(code: number, align: number) =>
  (address: Index, value: Expr<T>, offset = 0): Statement => ({
    emit: (to) => {
      index(address).emit(to)
      value.emit(to)
      opcode(to, code)
      to.unsigned(align)
      to.unsigned(offset)
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

/** A whole number as an expression. */
export const index = (value: Index): I32 => (typeof value === 'number' ? i32.const(value) : value)

const float = (type: 'f32' | 'f64', value: number): Uint8Array =>
  new Uint8Array(type === 'f32' ? Float32Array.of(value).buffer : Float64Array.of(value).buffer)

const i32Binary = (code: number) => {
  const make = binary<'i32', 'i32'>('i32', code)
  return (a: Index, b: Index): I32 => make(index(a), index(b))
}

export const i32 = {
  const: (value: number): I32 => ({
    type: 'i32',
    emit: (to) => {
      to.byte(0x41)
      to.signed(value)
    },
  }),
  /** a + b; a constant 0 costs nothing. */
  add: (a: Index, b: Index): I32 => (b === 0 ? index(a) : a === 0 ? index(b) : i32Binary(0x6a)(a, b)),
  sub: i32Binary(0x6b),
  /** a * b; a constant 1 costs nothing. */
  mul: (a: Index, b: Index): I32 => (b === 1 ? index(a) : a === 1 ? index(b) : i32Binary(0x6c)(a, b)),
  divS: i32Binary(0x6d),
  divU: i32Binary(0x6e),
  remS: i32Binary(0x6f),
  remU: i32Binary(0x70),
  and: i32Binary(0x71),
  or: i32Binary(0x72),
  xor: i32Binary(0x73),
  shl: i32Binary(0x74),
  shrS: i32Binary(0x75),
  shrU: i32Binary(0x76),
  eq: i32Binary(0x46),
  ne: i32Binary(0x47),
  ltS: i32Binary(0x48),
  ltU: i32Binary(0x49),
  gtS: i32Binary(0x4a),
  gtU: i32Binary(0x4b),
  leS: i32Binary(0x4c),
  geS: i32Binary(0x4e),
  eqz: unary<'i32', 'i32'>('i32', 0x45),
  ctz: unary<'i32', 'i32'>('i32', 0x68),
  load: load('i32', 0x28, 2),
  store: store<'i32'>(0x36, 2),
  /** Towards 0, saturating: NaN gives 0. */
  truncF32: (a: F32): I32 => ({
    type: 'i32',
    emit: (to) => {
      a.emit(to)
      to.bytes([0xfc, 0])
    },
  }),
  reinterpretF32: unary<'f32', 'i32'>('i32', 0xbc),
}

export const f32 = {
  const: (value: number): F32 => ({
    type: 'f32',
    emit: (to) => {
      to.byte(0x43)
      to.bytes(float('f32', value))
    },
  }),
  load: load('f32', 0x2a, 2),
  store: store<'f32'>(0x38, 2),
  abs: unary<'f32', 'f32'>('f32', 0x8b),
  neg: unary<'f32', 'f32'>('f32', 0x8c),
  floor: unary<'f32', 'f32'>('f32', 0x8e),
  sqrt: unary<'f32', 'f32'>('f32', 0x91),
  add: binary<'f32', 'f32'>('f32', 0x92),
  sub: binary<'f32', 'f32'>('f32', 0x93),
  mul: binary<'f32', 'f32'>('f32', 0x94),
  div: binary<'f32', 'f32'>('f32', 0x95),
  min: binary<'f32', 'f32'>('f32', 0x96),
  max: binary<'f32', 'f32'>('f32', 0x97),
  eq: binary<'f32', 'i32'>('i32', 0x5b),
  ne: binary<'f32', 'i32'>('i32', 0x5c),
  lt: binary<'f32', 'i32'>('i32', 0x5d),
  gt: binary<'f32', 'i32'>('i32', 0x5e),
  le: binary<'f32', 'i32'>('i32', 0x5f),
  ge: binary<'f32', 'i32'>('i32', 0x60),
  convertI32: unary<'i32', 'f32'>('f32', 0xb2),
  demote: unary<'f64', 'f32'>('f32', 0xb6),
  reinterpretI32: unary<'i32', 'f32'>('f32', 0xbe),
}

export const f64 = {
  const: (value: number): F64 => ({
    type: 'f64',
    emit: (to) => {
      to.byte(0x44)
      to.bytes(float('f64', value))
    },
  }),
  load: load('f64', 0x2b, 3),
  store: store<'f64'>(0x39, 3),
  abs: unary<'f64', 'f64'>('f64', 0x99),
  neg: unary<'f64', 'f64'>('f64', 0x9a),
  sqrt: unary<'f64', 'f64'>('f64', 0x9f),
  add: binary<'f64', 'f64'>('f64', 0xa0),
  sub: binary<'f64', 'f64'>('f64', 0xa1),
  mul: binary<'f64', 'f64'>('f64', 0xa2),
  div: binary<'f64', 'f64'>('f64', 0xa3),
  eq: binary<'f64', 'i32'>('i32', 0x61),
  lt: binary<'f64', 'i32'>('i32', 0x63),
  gt: binary<'f64', 'i32'>('i32', 0x64),
  promote: unary<'f32', 'f64'>('f64', 0xbb),
  convertI32: unary<'i32', 'f64'>('f64', 0xb7),
}

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

/** `a` where `condition` is not 0, else `b`; both are computed. */
export const select = <T extends ValueType>(condition: I32, a: Expr<T>, b: Expr<T>): Expr<T> => ({
  type: a.type,
  emit: (to) => {
    a.emit(to)
    b.emit(to)
    condition.emit(to)
    if (a.type === 'v128') {
      to.bytes([0x1c, 1, 0x7b])
    } else to.byte(0x1b)
  },
})
