import type { Device, DeviceBuffer, HostData, Program } from '../device/device.ts'
import { hostExpression } from '../device/host-expression.ts'
import { checkPlaces } from '../device/places.ts'
import { DeviceError, OutOfMemoryError, show } from '../errors.ts'
import type { AnyTensor } from '../tensor.ts'
import type { NumberSource } from './compile/lower.ts'
import { type Plan, plan } from './compile/plan.ts'
import { walk } from './compile/walk.ts'
import { forgetLost, isLost } from './lost.ts'
import { Storage } from './storage.ts'
import { traceOf, traceSink } from './trace.ts'

/** Plans kept per device; the least recently used goes first. */
const PLANS = 512

interface Ready {
  readonly plan: Plan
  readonly programs: readonly Program[]
  readonly numbers: readonly NumberOf[]
  uses: number
}

/** Works out one of the plan's numbers from the leaves and the numbers before it. */
type NumberOf = (leaves: readonly AnyTensor[], before: readonly number[]) => number

const cache = new WeakMap<Device, Map<string, Ready>>()

/**
 * Gives every tensor its values on `device`, in one pass: graph, plan (found by structure when the same graph was
 * realized before), run. Intermediate buffers are released after their last use.
 */
export async function realizeOn(device: Device, tensors: readonly AnyTensor[]): Promise<void> {
  const roots = tensors.filter((t) => !(t.storage?.device === device))
  if (roots.length === 0) return
  if (roots.some(isLost)) forgetLost(roots)
  const relief = device.relieve?.()
  if (relief) await relief
  for (const root of roots) if (root.op === null || root.storage) await place(root, device)
  const computed = [...new Set(roots.filter((t) => t.storage === null))]
  if (computed.length === 0) return

  const sink = traceSink()
  const started = sink ? performance.now() : 0
  let walked = walk(computed)
  if (walked.leaves.some(isLost)) {
    forgetLost(computed)
    walked = walk(computed)
  }
  const { plan, programs, numbers, uses } = ready(device, computed, walked)
  const slots: (DeviceBuffer | undefined)[] = []
  for (const leaf of walked.leaves) {
    if (!leaf.constant) {
      const placed = place(leaf, device)
      if (placed) await placed
    }
    slots.push(leaf.constant ? undefined : leaf.storage!.buffer)
  }
  const values: number[] = []
  for (const number of numbers) values.push(number(walked.leaves, values))
  const times: number[] = []
  const planned = sink ? performance.now() : 0
  const owned = new Set<number>()
  try {
    for (let i = 0; i < plan.steps.length; i++) {
      const step = plan.steps[i]!
      const from = sink ? performance.now() : 0
      const made = withRoom(device, () =>
        programs[i]!(
          step.buffers.map((slot) => slots[slot]!),
          step.scalars.map((number) => values[number]!),
        ),
      )
      const buffers = made instanceof Promise ? await made : made
      if (sink) times.push(performance.now() - from)
      step.outs.forEach((slot, k) => {
        slots[slot] = buffers[k]!
        owned.add(slot)
      })
      for (const slot of step.frees) {
        device.release(slots[slot]!)
        slots[slot] = undefined
        owned.delete(slot)
      }
    }
  } catch (error) {
    for (const slot of owned) device.release(slots[slot]!)
    throw error
  }
  sink?.(traceOf(device.name, plan, uses > 1, planned - started, times))
  const first = new Map<number, Storage>()
  computed.forEach((tensor, i) => {
    // A realize that ran at the same time may have been first.
    if (tensor.storage) return
    const slot = plan.outputs[i]!
    tensor.storage = first.get(slot)?.share() ?? Storage.of(device, slots[slot]!)
    first.set(slot, tensor.storage)
  })
  for (const slot of owned) if (!first.has(slot)) device.release(slots[slot]!)
}

function ready(device: Device, roots: readonly AnyTensor[], walked: ReturnType<typeof walk>): Ready {
  const plans = cache.get(device) ?? new Map<string, Ready>()
  cache.set(device, plans)
  let found = plans.get(walked.key)
  if (found) plans.delete(walked.key)
  else {
    const made = plan(roots, walked, device.fusion)
    for (const { kernel } of made.steps) checkPlaces(kernel, device)
    found = {
      plan: made,
      programs: made.steps.map((step) => device.compile(step.kernel)),
      numbers: made.numbers.map(numberOf),
      uses: 0,
    }
  }
  found.uses++
  plans.set(walked.key, found)
  if (plans.size > PLANS) plans.delete(plans.keys().next().value!)
  return found
}

function numberOf(source: NumberSource): NumberOf {
  if ('leaf' in source) return (leaves) => leaves[source.leaf]!.host![0]!
  const formula = hostExpression(source.expr)
  return (_, before) => formula(source.args.map((number) => before[number]!))
}

/** Uploads a leaf, or moves a realized tensor over from another device. */
function place(leaf: AnyTensor, device: Device): Promise<void> | undefined {
  const { storage } = leaf
  if (storage?.device === device) return
  const put = (buffer: DeviceBuffer) => {
    storage?.drop()
    leaf.storage = Storage.of(device, buffer)
  }
  if (leaf.host) {
    checkExact(leaf, device)
    const buffer = uploaded(leaf.host, leaf, device)
    return buffer instanceof Promise ? buffer.then(put) : void put(buffer)
  }
  return (async () => {
    const values = await storage!.device.read(storage!.buffer)
    put(await device.upload(values))
  })()
}

function uploaded(host: HostData, leaf: AnyTensor, device: Device) {
  const explained = (error: unknown) =>
    error instanceof DeviceError
      ? new DeviceError(`${error.message} It was to hold a tensor ${show(leaf.shape)}.`)
      : error
  try {
    const buffer = withRoom(device, () => device.upload(host))
    return buffer instanceof Promise ? buffer.catch((error) => Promise.reject(explained(error))) : buffer
  } catch (error) {
    throw explained(error)
  }
}

/** What `act` gives; where memory is full, garbage is collected and it has a second try. */
function withRoom<T>(device: Device, act: () => T | Promise<T>): T | Promise<T> {
  try {
    return act()
  } catch (error) {
    const relief = error instanceof OutOfMemoryError ? device.relieve?.(true) : undefined
    if (!relief) throw error
    return relief.then(act)
  }
}

/** Whole numbers that a float32 device would round are refused: an index must be itself. */
function checkExact({ dtype, host }: AnyTensor, { name, precision }: Device): void {
  if (dtype !== 'int' || precision !== 'float32') return
  const bad = host!.find((v) => Math.fround(v) !== v)
  if (bad !== undefined)
    throw new DeviceError(
      `${name}: whole numbers above 2^24 are not exact in float32, got ${bad}. Use smaller ones, or the device 'reference'.`,
    )
}
