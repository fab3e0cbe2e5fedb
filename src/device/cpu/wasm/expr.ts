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
export const SIMD = 0x100

export function opcode(to: Emitter, code: number): void {
  if (code < SIMD) to.byte(code)
  else {
    to.byte(0xfd)
    to.unsigned(code - SIMD)
  }
}

export const unary =
  <A extends ValueType, T extends ValueType>(type: T, code: number) =>
  (a: Expr<A>): Expr<T> => ({
    type,
    emit: (to) => {
      a.emit(to)
      opcode(to, code)
    },
  })

export const binary =
  <A extends ValueType, T extends ValueType>(type: T, code: number) =>
  (a: Expr<A>, b: Expr<A>): Expr<T> => ({
    type,
    emit: (to) => {
      a.emit(to)
      b.emit(to)
      opcode(to, code)
    },
  })
/** A load from `address + offset` bytes; the offset is a constant of at least 0. */
export const load =
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

export const store =
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
