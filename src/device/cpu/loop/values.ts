import { DeviceError } from '../../../errors.ts'
import { coordinatesIn } from '../../coordinates.ts'
import { NAMES } from '../../text/text.ts'
import { emitExpression } from '../expression.ts'
import { f32, type V128 } from '../wasm/expr.ts'
import type { Func } from '../wasm/func.ts'
import { f32x4 } from '../wasm/simd.ts'
import { type Program, reachable, valueAt } from './program.ts'
import type { Access } from './space.ts'

/** What can be read and written where code is written: at one place of the routine, one unit, one run of elements or one vector. */
export interface Place {
  load(access: Access): V128
  store(access: Access, value: V128): void
  /** The coordinate along a dim of the space, as floats. */
  coordinate(dim: number): V128
}

/** Operands that have been worked out, each in a local, and are there in all scopes inside this one. */
export class Scope {
  readonly place: Place
  readonly #outer: readonly Scope[]
  readonly #known = new Map<number, V128>()

  constructor(place: Place, ...outer: readonly Scope[]) {
    this.place = place
    this.#outer = outer
  }

  find(operand: number): V128 | undefined {
    const own = this.#known.get(operand)
    if (own) return own
    for (const scope of this.#outer) {
      const found = scope.find(operand)
      if (found) return found
    }
    return undefined
  }

  set(operand: number, value: V128): void {
    this.#known.set(operand, value)
  }
}

/** Writes the code of operands. */
export class Values {
  readonly #f: Func
  readonly #program: Program

  constructor(f: Func, program: Program) {
    this.#f = f
    this.#program = program
  }

  /** An operand in this scope, worked out here where no scope around has it. `kept` gives where a value lies in memory. */
  value(operand: number, scope: Scope, kept: (operand: number) => Access | null = () => null): V128 {
    const known = scope.find(operand)
    if (known) return known
    const made = this.#made(operand, scope, kept)
    scope.set(operand, made)
    return made
  }

  /** Works out those of `needed` that `here` says belong into this scope. */
  prepare(needed: Iterable<number>, scope: Scope, here: (operand: number) => boolean): void {
    for (const operand of [...needed].sort((a, b) => a - b)) if (here(operand)) this.value(operand, scope)
  }

  #made(operand: number, scope: Scope, kept: (operand: number) => Access | null): V128 {
    const { kernel, space } = this.#program
    const at = kept(operand)
    if (at) return scope.place.load(at)
    const value = valueAt(kernel, operand)
    if (value === null) return this.#input(operand, scope)
    if (value.kind === 'reduce')
      throw new DeviceError(
        `fused: a reduction over rows has no one value, got operand ${operand} stored as one. Store it per row.`,
      )
    const args = value.args.map((arg) => this.value(arg, scope, kept))
    if (value.expr === 'a') return args[0]!
    const operands: Record<string, V128> = {}
    args.forEach((arg, i) => {
      operands[NAMES[i]!] = arg
    })
    for (const d of coordinatesIn(value.expr)) {
      const dim = space.from[d]!
      operands[`i${d}`] = dim === null ? f32x4.const(0) : scope.place.coordinate(dim)
    }
    return emitExpression(this.#f, value.expr, operands)
  }

  #input(input: number, scope: Scope): V128 {
    const { space, numbers } = this.#program
    const access = space.inputs[input]!
    if (access === 'zero') return f32x4.const(0)
    if (access !== null) return scope.place.load(access)
    return this.#f.let(f32x4.splat(f32.load(this.#f.args, 4 * numbers[input]!)))
  }
}

/** The operands that these need, down to what has been reduced. */
export const neededFor = ({ kernel }: Program, roots: readonly number[]): Set<number> =>
  reachable(kernel, roots, (operand) => valueAt(kernel, operand)?.kind === 'reduce')
