import type { FusedKernel, FusedValue, Store } from '../../device/kernel.ts'
import { type Frame, frameOf, type Loop, type Placed, place } from './frame.ts'
import type { Operand, Slots } from './lower.ts'

/** Loops that become one kernel, in order. */
export interface Group {
  readonly frame: Frame
  readonly members: readonly Placed[]
  /** What each member made, by slot. */
  readonly made: ReadonlyMap<number, Placed>
}

/** A loop by itself; null where it does not fit its own frame. */
export const alone = (loop: Loop): Group | null =>
  grown({ frame: frameOf(loop), members: [], made: new Map() }, [loop])

/** Both groups as one in the frame of either; null where that cannot be. */
export const joined = (a: Group, b: Group): Group | null => into(a, b) ?? into(b, a)

function into(host: Group, guest: Group): Group | null {
  // Where the host reads what the guest makes, all that reading must be looked at anew.
  const reads = host.members.some(({ inputs }) => inputs.some((o) => 'slot' in o && guest.made.has(o.slot)))
  if (!reads)
    return grown(
      host,
      guest.members.map(({ loop }) => loop),
    )
  const loops = [...host.members, ...guest.members].map(({ loop }) => loop)
  return grown(
    { frame: host.frame, members: [], made: new Map() },
    loops.sort((a, b) => a.order - b.order),
  )
}

function grown(host: Group, loops: readonly Loop[]): Group | null {
  let { frame } = host
  const members = [...host.members]
  const made = new Map(host.made)
  for (const loop of loops) {
    const found = place(loop, frame, made)
    if (!found) return null
    frame = found.frame
    members.push(found.placed)
    made.set(loop.outs[0]!, found.placed)
  }
  return { frame, members, made }
}

/** What the group reads and does not make itself: each view of a slot, and each number, once. */
function inputsOf({ members, made }: Group): Map<string, Operand> {
  const inputs = new Map<string, Operand>()
  for (const { inputs: operands } of members)
    for (const o of operands) if (!('slot' in o && made.has(o.slot))) inputs.set(keyOf(o), o)
  return inputs
}

/** How many arrays the group's kernel would read. */
export const arraysOf = (group: Group): number =>
  [...inputsOf(group).values()].filter((o) => 'slot' in o).length

/** The group as one kernel; `kept` says which slots others want. */
export function kernelOf({ frame, members, made }: Group, kept: (slot: number) => boolean): Slots {
  const found = inputsOf({ frame, members, made })
  const inputs = [...found.values()]
  const places = new Map([...found.keys()].map((key, i) => [key, i]))
  const operandOf = new Map<number, number>()
  const values: FusedValue[] = []
  const stores: Store[] = []
  const outs: number[] = []
  for (const member of members) {
    const { loop, level } = member
    const args = member.inputs.map(
      (o) => ('slot' in o ? operandOf.get(o.slot) : undefined) ?? places.get(keyOf(o))!,
    )
    const value = inputs.length + values.push(fusedValue(member, args)) - 1
    const [slot] = loop.outs as [number]
    operandOf.set(slot, value)
    if (!kept(slot)) continue
    stores.push({ value, level })
    outs.push(slot)
  }
  const kernel: FusedKernel = {
    kind: 'fused',
    out: frame.space,
    dims: frame.dims ?? [],
    inputs: inputs.map((o) => ('slot' in o ? o.view : null)),
    values,
    stores,
  }
  return { kernel, inputs, outs }
}

function fusedValue({ loop: { kernel }, level, from }: Placed, args: readonly number[]): FusedValue {
  if (kernel.kind === 'map') return { kind: 'map', expr: kernel.expr, args }
  return {
    kind: 'reduce',
    op: kernel.op,
    arg: args[0]!,
    from: from === 'row' ? 'row' : 'element',
    to: level === 'all' ? 'all' : 'row',
  }
}

const keyOf = (o: Operand): string => ('slot' in o ? `${o.slot} ${JSON.stringify(o.view)}` : `${o.number}`)
