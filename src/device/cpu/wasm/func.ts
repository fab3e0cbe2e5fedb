import { Emitter, type Target } from './emitter.ts'
import { type Expr, type F64, type Index, i32, index, type Statement, type ValueType } from './expr.ts'

/** A variable of a function; as an expression, its value. */
export interface Local<T extends ValueType> extends Expr<T> {
  readonly number: number
}

const TYPE_BYTES: Readonly<Record<ValueType, number>> = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b }

/** The functions of JavaScript's Math that code may call, one number at a time, in the order of their imports. */
export const MATH = ['atan', 'sin', 'cos'] as const

/**
 * What a routine is called with: the address of its arguments (4 bytes each: pointers and float32 numbers), the part
 * [lo, hi) of its work, and the address of the thread's scratch memory.
 */
export interface Arguments {
  readonly args: Index
  readonly lo: Index
  readonly hi: Index
  readonly scratch: Index
}

/** A function of WebAssembly, the same for equal keys. */
export interface Routine {
  readonly key: string
  /** Bytes of scratch memory that a thread needs for it. */
  readonly scratch: number
  readonly build: (f: Func) => void
}

/** The body of a routine as it is written: statements go out at once, in order. */
export class Func {
  readonly args: Local<'i32'>
  readonly lo: Local<'i32'>
  readonly hi: Local<'i32'>
  readonly scratch: Local<'i32'>
  readonly #body: Emitter
  readonly #locals: ValueType[] = []
  readonly #functionOf: (routine: Routine) => number

  constructor(target: Target, functionOf: (routine: Routine) => number) {
    this.#body = new Emitter(target)
    this.#functionOf = functionOf
    this.args = localAt('i32', 0)
    this.lo = localAt('i32', 1)
    this.hi = localAt('i32', 2)
    this.scratch = localAt('i32', 3)
  }

  local<T extends ValueType>(type: T): Local<T> {
    this.#locals.push(type)
    return localAt(type, PARAMETERS + this.#locals.length - 1)
  }

  /** A new variable with this value. */
  let<T extends ValueType>(value: Expr<T>): Local<T> {
    const local = this.local(value.type)
    this.set(local, value)
    return local
  }

  set<T extends ValueType>(local: Local<T>, value: Expr<T>): void {
    value.emit(this.#body)
    this.#body.byte(0x21)
    this.#body.unsigned(local.number)
  }

  /** Runs a store. */
  do(statement: Statement): void {
    statement.emit(this.#body)
  }

  /** The n-th argument as a pointer. */
  pointer(n: number): Local<'i32'> {
    return this.let(i32.load(this.args, 4 * n))
  }

  /** i from `from` in steps of `step` (a positive constant) while below `below`; the bound is worked out once. */
  for(i: Local<'i32'>, from: Index, below: Index, step: number, body: () => void): void {
    this.set(i, index(from))
    const bound = typeof below === 'number' || 'number' in below ? below : this.let(below)
    const again = i32.ltS(i, bound)
    const round = () => {
      this.#block(0x03, () => {
        body()
        this.set(i, i32.add(i, step))
        again.emit(this.#body)
        this.#body.byte(0x0d)
        this.#body.unsigned(0)
      })
    }
    if (typeof from === 'number' && typeof bound === 'number') {
      if (from < bound) round()
    } else this.if(again, round)
  }

  while(condition: Expr<'i32'>, body: () => void): void {
    this.#block(0x02, () =>
      this.#block(0x03, () => {
        i32.eqz(condition).emit(this.#body)
        this.#body.bytes([0x0d, 1])
        body()
        this.#body.bytes([0x0c, 0])
      }),
    )
  }

  if(condition: Expr<'i32'>, then: () => void, otherwise?: () => void): void {
    condition.emit(this.#body)
    this.#body.bytes([0x04, 0x40])
    then()
    if (otherwise) {
      this.#body.byte(0x05)
      otherwise()
    }
    this.#body.byte(0x0b)
  }

  /** Runs another routine, which comes into the same module. Calls are not inlined: not for inner loops. */
  call(routine: Routine, { args, lo, hi, scratch }: Arguments): void {
    for (const value of [args, lo, hi, scratch]) index(value).emit(this.#body)
    this.#body.byte(0x10)
    this.#body.unsigned(this.#functionOf(routine))
  }

  /** The function as the code section wants it. */
  done(): Uint8Array {
    const out = new Emitter(this.#body.target)
    out.sized((to) => {
      to.unsigned(this.#locals.length)
      for (const type of this.#locals) {
        to.unsigned(1)
        to.byte(TYPE_BYTES[type])
      }
      to.bytes(this.#body.done())
      to.byte(0x0b)
    })
    return out.done()
  }

  #block(kind: number, body: () => void): void {
    this.#body.bytes([kind, 0x40])
    body()
    this.#body.byte(0x0b)
  }
}

const PARAMETERS = 4

const localAt = <T extends ValueType>(type: T, number: number): Local<T> => ({
  type,
  number,
  emit: (to) => {
    to.byte(0x20)
    to.unsigned(number)
  },
})

/** Calls a function of Math: some 30 ns each, for what is rare. */
export const callMath = (name: (typeof MATH)[number], number: F64): F64 => ({
  type: 'f64',
  emit: (to) => {
    number.emit(to)
    to.byte(0x10)
    to.unsigned(MATH.indexOf(name))
  },
})
