import type { Stage } from './recipe.ts'
import { i32 } from './wasm/expr.ts'
import type { Routine } from './wasm/func.ts'

/**
 * One stage out of two: after each unit of the first, the second runs on what that unit has completed, while it lies in
 * the cache. The second one's arguments stand behind the first one's `skip`. Null where their units do not fit.
 */
export function followed(first: Stage, behind: readonly Stage[], skip: number): Stage | null {
  const [second] = behind
  if (behind.length !== 1 || !first.completes || !second!.completes) return null
  const ratio = first.completes / second!.completes
  if (!Number.isInteger(ratio) || second!.units !== first.units * ratio) return null
  return {
    routine: inTurn(first.routine, second!.routine, skip, ratio),
    units: first.units,
    cost: first.cost + ratio * second!.cost,
  }
}

function inTurn(first: Routine, second: Routine, skip: number, ratio: number): Routine {
  const own = Math.ceil(first.scratch / 64) * 64
  return {
    key: `${first.key} then ${ratio} of ${second.key} at ${skip}`,
    scratch: own + second.scratch,
    build: (f) => {
      const unit = f.local('i32')
      const args = f.let(i32.add(f.args, 4 * skip))
      const scratch = f.let(i32.add(f.scratch, own))
      f.for(unit, f.lo, f.hi, 1, () => {
        f.call(first, { args: f.args, lo: unit, hi: i32.add(unit, 1), scratch: f.scratch })
        const lo = f.let(i32.mul(unit, ratio))
        f.call(second, { args, lo, hi: i32.add(lo, ratio), scratch })
      })
    },
  }
}
