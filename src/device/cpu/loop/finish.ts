import type { FusedReduction, FusedValue } from '../../kernel.ts'
import { f32, f64, type I32, i32 } from '../wasm/expr.ts'
import type { Func, Local } from '../wasm/func.ts'
import { f32x4, v128 } from '../wasm/simd.ts'
import { type Accumulator, neutral } from './accumulate.ts'
import { FramePlace } from './frame.ts'
import type { Design } from './nest.ts'
import { valueAt } from './program.ts'
import type { Access } from './space.ts'
import { neededFor, Scope, Values } from './values.ts'

/** Bytes in the workspace for one part's share of `totals` reductions over everything. */
export const partBytes = (totals: number): number => Math.ceil((8 * totals) / 64) * 64

/** Leaves a part's share in the workspace. */
export function storeShares(
  f: Func,
  { program }: Design,
  part: Local<'i32'>,
  totals: ReadonlyMap<number, Accumulator>,
) {
  const at = f.let(i32.add(f.pointer(program.workspace), i32.mul(part, partBytes(totals.size))))
  program.totals.forEach((operand, k) => {
    const share = totals.get(operand)!.partial()
    if ('sum' in share) f.do(f64.store(at, share.sum, 8 * k))
    else f.do(v128.store32Lane(at, share.extreme, 0, 8 * k))
  })
}

/** Puts the shares together, in order, and stores what is one number. */
export function finish(f: Func, { program, passes }: Design, parts: number): void {
  const { kernel, space, totals, workspace } = program
  const ends = passes.end.map((s) => kernel.stores[s]!.value)
  const addresses = new Map<Access, I32>()
  for (const operand of neededFor(program, ends)) {
    const access = space.inputs[operand]
    if (access && access !== 'zero')
      addresses.set(access, i32.add(f.pointer(access.argument), 4 * access.offset))
  }
  const place = new FramePlace(f, { addresses, coordinates: new Map(), insides: new Map() }, null)
  const scope = new Scope(place)
  totals.forEach((operand, k) => {
    const { op } = valueAt(kernel, operand) as Extract<FusedValue, { kind: 'reduce' }>
    scope.set(
      operand,
      together(f, op, { shares: f.pointer(workspace), parts, bytes: partBytes(totals.length), at: 8 * k }),
    )
  })
  const values = new Values(f, program)
  for (const s of passes.end) {
    const value = values.value(kernel.stores[s]!.value, scope)
    f.do(v128.store32Lane(f.pointer(workspace - kernel.stores.length + s), value, 0))
  }
}

interface Shares {
  readonly shares: I32
  readonly parts: number
  /** From one part's shares to the next one's. */
  readonly bytes: number
  /** Where this reduction's lies among a part's. */
  readonly at: number
}

/** All parts' shares of one reduction, in each lane. */
function together(f: Func, op: FusedReduction, { shares, parts, bytes, at }: Shares): Local<'v128'> {
  const part = f.local('i32')
  const address = i32.add(shares, part)
  if (op === 'sum') {
    const sum = f.let(f64.const(0))
    f.for(part, 0, parts * bytes, bytes, () => f.set(sum, f64.add(sum, f64.load(address, at))))
    return f.let(f32x4.splat(f32.demote(sum)))
  }
  const best = f.let(f32x4.const(neutral(op)))
  const better = op === 'max' ? f32x4.max : f32x4.min
  f.for(part, 0, parts * bytes, bytes, () => f.set(best, better(best, v128.load32Splat(address, at))))
  return best
}
