import { currentDevice } from '../../src/device/current.ts'
import { KdgradError } from '../../src/errors.ts'
import { grad, vjp } from '../../src/graph/grad.ts'
import { realize } from '../../src/graph/values.ts'
import type { AnyTensor, Tensor } from '../../src/tensor.ts'
import { differences } from './fixture-compare.ts'
import { buildMethod } from './fixture-methods.ts'
import { buildOp } from './fixture-ops.ts'
import { optimRunners } from './fixture-optim.ts'
import { buildSecondOrder } from './fixture-second-order.ts'
import {
  type Case,
  type Computed,
  differentiated,
  leafOf,
  leavesOf,
  subject,
  type Values,
} from './fixtures.ts'

/** What the library makes of a case, or null where nothing maps its operation or method. */
export async function compute(c: Case): Promise<Computed | null> {
  const leaves = leavesOf(c)
  const built = buildMethod(c, leaves) ?? buildSecondOrder(c, leaves)
  if (built) return evaluate(c, { ...leaves, ...built.parameters }, built.outputs, built.scalar)
  const outputs = buildOp(c, leaves)
  if (outputs) return evaluate(c, leaves, outputs, null)
  return Object.hasOwn(optimRunners, c.op ?? '') ? optimRunners[c.op!]!(c) : null
}

/** What of a case is not as it wants it on the chosen device, in words; empty where all is well. */
export async function failures(c: Case): Promise<string[]> {
  const { precision } = await currentDevice()
  try {
    const computed = await compute(c)
    if (!computed) return [`nothing maps ${c.op ? 'op' : 'method'} ${subject(c)}`]
    if (c.torchVerdict === 'throws') return [`expected an error: ${c.note}`]
    return differences(c, computed, precision)
  } catch (error) {
    if (!(error instanceof KdgradError)) throw error
    return c.torchVerdict === 'throws' ? [] : [error.message]
  }
}

async function evaluate(
  c: Case,
  leaves: Readonly<Record<string, AnyTensor>>,
  outputs: Readonly<Record<string, AnyTensor>>,
  scalar: Tensor | null,
): Promise<Computed> {
  const names = differentiated(c)
  const wrt = names.map((name) => leaves[name] as Tensor)
  const floats = Object.values(outputs).filter((y): y is Tensor => y.dtype === 'float')
  const total = scalar ?? floats.map((y) => y.sum()).reduce((sum, y) => sum.add(y), leafOf(zero) as Tensor)
  const cotangents = Object.entries(c.vjp?.cotangents ?? {})
  const grads = grad(total, wrt)
  const products = vjp(
    cotangents.map(([name]) => outputs[name] as Tensor),
    wrt,
    cotangents.map(([, values]) => leafOf(values) as Tensor),
  )
  await realize(...Object.values(outputs), ...grads, ...products)
  const named = async (tensors: readonly AnyTensor[], keys: readonly string[]) => {
    const found: Record<string, ArrayLike<number>> = {}
    for (const [i, key] of keys.entries()) found[key] = await tensors[i]!.data()
    return found
  }
  return {
    outputs: await named(Object.values(outputs), Object.keys(outputs)),
    grads: await named(grads, names),
    ...(c.vjp && { vjp: await named(products, names) }),
  }
}

const zero: Values = { shape: [], dtype: 'float64', data: [0] }
