import { readsPlace } from '../../device/coordinates.ts'
import type { Fusion } from '../../device/device.ts'
import { isLoop, type Ordered } from './frame.ts'
import { alone, arraysOf, type Group, joined, kernelOf } from './group.ts'
import type { Slots } from './lower.ts'

/** Most loops in one kernel: more would make code that an engine takes long to compile. */
const MOST_MEMBERS = 256

/** Steps that become one: loops joined into a group, or a single step that is no loop. */
interface Part {
  readonly group: Group | null
  readonly steps: readonly Ordered[]
}

/** Joins elementwise maths and reductions into fewer kernels, as far as the device takes them. */
export function fuse(steps: readonly Slots[], outputs: readonly number[], fusion: Fusion): Slots[] {
  const ordered = steps.map((step, order): Ordered => ({ ...step, order }))
  const fusing = new Fusing(ordered, outputs, fusion)
  for (const step of ordered) fusing.add(step)
  return fusing.done()
}

class Fusing {
  /** The part that makes a slot. */
  readonly #maker = new Map<number, Part>()
  readonly #users = new Map<number, Set<Slots>>()
  readonly #kept: ReadonlySet<number>
  readonly #fusion: Fusion

  constructor(steps: readonly Ordered[], outputs: readonly number[], fusion: Fusion) {
    this.#fusion = fusion
    this.#kept = new Set(outputs)
    for (const step of steps)
      for (const slot of slotsOf(step)) {
        const users = this.#users.get(slot) ?? new Set()
        this.#users.set(slot, users.add(step))
      }
  }

  add(step: Ordered): void {
    let part: Part = { group: isLoop(step) ? alone(step) : null, steps: [step] }
    this.#own(part)
    if (!part.group) return
    const makers = new Set(slotsOf(step).flatMap((slot) => this.#maker.get(slot) ?? []))
    for (const maker of makers) part = this.#merged(maker, part) ?? part
  }

  done(): Slots[] {
    const ordered: Part[] = []
    const seen = new Set<Part>()
    const parts = [...new Set(this.#maker.values())].sort((a, b) => lastOf(a) - lastOf(b))
    for (const part of parts) this.#inOrder(part, seen, ordered)
    return ordered.map(({ group, steps }) =>
      group && steps.length > 1 ? kernelOf(group, (slot) => this.#wanted(slot, new Set(steps))) : steps[0]!,
    )
  }

  #own(part: Part): void {
    for (const step of part.steps) for (const slot of step.outs) this.#maker.set(slot, part)
  }

  /** Both parts as one, where the device takes that and no third part stands between them; else null. */
  #merged(before: Part, after: Part): Part | null {
    if (!before.group || !after.group || before === after) return null
    if (before.steps.length + after.steps.length > MOST_MEMBERS) return null
    if (!this.#fusion.rich && !this.#usedOnlyBy(before, after)) return null
    const group = joined(before.group, after.group)
    if (!group || arraysOf(group) > this.#fusion.inputs) return null
    if (!this.#fusion.rich && !plain(group)) return null
    if (this.#reaches(after, before) || this.#reaches(before, after)) return null
    const part = { group, steps: [...before.steps, ...after.steps] }
    this.#own(part)
    return part
  }

  #usedOnlyBy(before: Part, after: Part): boolean {
    const inside = new Set([...before.steps, ...after.steps])
    return before.steps.every((step) => step.outs.every((slot) => !this.#wanted(slot, inside)))
  }

  #wanted(slot: number, inside: ReadonlySet<Slots>): boolean {
    if (this.#kept.has(slot)) return true
    for (const user of this.#users.get(slot) ?? []) if (!inside.has(user)) return true
    return false
  }

  #before(part: Part): Set<Part> {
    const parts = new Set<Part>()
    for (const step of part.steps)
      for (const slot of slotsOf(step)) {
        const maker = this.#maker.get(slot)
        if (maker && maker !== part) parts.add(maker)
      }
    return parts
  }

  /** Whether `from` depends on `to` by way of a third part. */
  #reaches(from: Part, to: Part): boolean {
    const stack = [...this.#before(from)].filter((part) => part !== to)
    const seen = new Set(stack)
    for (let part = stack.pop(); part; part = stack.pop())
      for (const next of this.#before(part)) {
        if (next === to) return true
        if (!seen.has(next)) {
          seen.add(next)
          stack.push(next)
        }
      }
    return false
  }

  /** Appends the part after all that it depends on, without recursion. */
  #inOrder(root: Part, seen: Set<Part>, ordered: Part[]): void {
    const stack = [{ part: root, rest: [...this.#before(root)] }]
    if (seen.has(root)) return
    seen.add(root)
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const next = top.rest.pop()
      if (!next) ordered.push(stack.pop()!.part)
      else if (!seen.has(next)) {
        seen.add(next)
        stack.push({ part: next, rest: [...this.#before(next)] })
      }
    }
  }
}

const slotsOf = ({ inputs }: Slots): number[] => inputs.flatMap((o) => ('slot' in o ? [o.slot] : []))

const lastOf = ({ steps }: Part): number => Math.max(...steps.map(({ order }) => order))

/** What any device takes: elementwise maths, and at most one reduction, whose result is not used at the elements again. */
function plain({ members }: Group): boolean {
  const reductions = members.filter(({ loop }) => loop.kernel.kind === 'reduce').length
  if (reductions === 0) return members.every(({ level }) => level === members[0]!.level)
  const at = members.findIndex(({ loop }) => loop.kernel.kind === 'reduce')
  const { level } = members[at]!
  const placed = members.some(({ loop: { kernel } }) => kernel.kind === 'map' && readsPlace(kernel.expr))
  return (
    reductions === 1 &&
    !placed &&
    members.every((member, i) => (i < at ? member.level === 'element' : i === at || member.level === level))
  )
}
