import { groupsOf } from './across.ts'
import type { Design } from './nest.ts'
import { passesOf } from './passes.ts'
import type { Program } from './program.ts'
import { type Schedule, scheduleOf } from './schedule.ts'
import type { Access } from './space.ts'

/** Most bytes of scratch memory for values that passes keep: more would no longer lie in the cache. */
const MOST_SCRATCH = 2 ** 20

/** Makes a program's choices. */
export function designOf(program: Program): Design {
  const schedule = scheduleOf(program)
  const slot = scratchSlot(program, schedule)
  const passes = passesOf(program, schedule.lane, Math.floor(MOST_SCRATCH / slot.bytes))
  const scratch = new Map<number, Access>()
  for (const operand of passes.passes.flatMap(({ keeps }) => keeps))
    if (!scratch.has(operand))
      scratch.set(operand, { ...slot.access, offset: (scratch.size * slot.bytes) / 4 })
  return { program, schedule, passes, scratch, scratchBytes: scratch.size * slot.bytes }
}

/** Room for one value of every element of a unit, in the order in which a pass goes through them. */
function scratchSlot({ space, ...program }: Program, schedule: Schedule): { access: Access; bytes: number } {
  const { mode, lane, inner } = schedule
  const strides = space.dims.map(() => 0)
  strides[lane] = 1
  let step = mode === 'column' ? 4 * groupsOf({ space, ...program }, lane).width : space.dims[lane]!.size
  for (const d of inner.toReversed()) {
    strides[d] = step
    step *= space.dims[d]!.size
  }
  return {
    access: { argument: -1, offset: 0, strides, ranges: space.dims.map(() => null) },
    // Off by a cache line, so that two of them do not meet in one set.
    bytes: Math.ceil((4 * step) / 64) * 64 + 64,
  }
}
