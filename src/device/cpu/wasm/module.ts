import { Emitter, type Target } from './emitter.ts'
import { Func, MATH, type Routine } from './func.ts'

/** Pages (64 KiB) of the memory that modules import. */
export interface MemoryLimits {
  readonly initial: number
  readonly maximum: number
  readonly shared: boolean
}

const [I32, F64, FUNCTION, MEMORY] = [0x7f, 0x7c, 0x60, 0x02]

/**
 * A module with these routines, and those that they call; the n-th is exported under the name `n`. It imports
 * `env.memory` and, as `math.*`, the functions of Math.
 */
export function writeModule(
  routines: readonly Routine[],
  target: Target,
  memory: MemoryLimits,
): Uint8Array<ArrayBuffer> {
  const all = [...routines]
  const numbers = new Map(all.map((routine, i) => [routine.key, i]))
  const functionOf = (routine: Routine): number => {
    const known = numbers.get(routine.key) ?? all.push(routine) - 1
    numbers.set(routine.key, known)
    return MATH.length + known
  }
  const bodies: Uint8Array[] = []
  // Building a body may add routines behind.
  for (let i = 0; i < all.length; i++) {
    const f = new Func(target, functionOf)
    all[i]!.build(f)
    bodies.push(f.done())
  }

  const out = new Emitter(target)
  out.bytes([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
  const section = (id: number, write: (to: Emitter) => void) => {
    out.byte(id)
    out.sized(write)
  }
  section(1, (to) => {
    to.unsigned(2)
    to.bytes([FUNCTION, 4, I32, I32, I32, I32, 0])
    to.bytes([FUNCTION, 1, F64, 1, F64])
  })
  section(2, (to) => {
    to.unsigned(1 + MATH.length)
    to.name('env')
    to.name('memory')
    to.bytes([MEMORY, memory.shared ? 3 : 1])
    to.unsigned(memory.initial)
    to.unsigned(memory.maximum)
    for (const name of MATH) {
      to.name('math')
      to.name(name)
      to.bytes([0, 1])
    }
  })
  section(3, (to) => {
    to.unsigned(all.length)
    for (const _ of all) to.byte(0)
  })
  section(7, (to) => {
    to.unsigned(routines.length)
    routines.forEach((_, i) => {
      to.name(String(i))
      to.byte(0)
      to.unsigned(MATH.length + i)
    })
  })
  section(10, (to) => {
    to.unsigned(bodies.length)
    for (const body of bodies) to.bytes(body)
  })
  return out.done().slice()
}
