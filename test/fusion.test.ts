import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openDevice } from '../src/device/open.ts'
import { registry } from '../src/graph/define.ts'
import { realizeOn } from '../src/graph/realize.ts'
import { readOn } from '../src/graph/values.ts'
import { crossEntropy, grad, type Tensor, tensor } from '../src/index.ts'
import { kldiv } from '../src/losses/index.ts'
import { Conv2d, Linear, Module } from '../src/nn/index.ts'
import { SGD } from '../src/optim/index.ts'
import { Random } from '../src/random.ts'
import type { AnyTensor } from '../src/tensor.ts'
import { closeness } from './support/closeness.ts'
import { openRichReference } from './support/rich-reference.ts'
import { casesOf } from './support/samples.ts'
import '../src/optim/index.ts'

// What the planner joins, taken apart again and run in float64, is what each operation by itself gives.

const reference = await openDevice('reference')
const rich = openRichReference()

async function valuesOn(device: typeof reference, roots: readonly AnyTensor[]): Promise<Float64Array[]> {
  await realizeOn(device, roots)
  const values: Float64Array[] = []
  for (const root of roots) values.push(Float64Array.from(await readOn(device, root)))
  return values
}

/** Compares two fresh graphs: a tensor's values live on one device at a time. */
async function agree(build: () => readonly AnyTensor[]): Promise<void> {
  const wanted = await valuesOn(reference, build())
  const got = await valuesOn(rich, build())
  got.forEach((values, i) => {
    expect(closeness(values, wanted[i]!, { tolerance: 1e-12 })).toBeLessThanOrEqual(1)
  })
}

describe('every operation with its gradient', () => {
  test.each([...registry.values()])('$name', (op) =>
    fc.assert(
      fc.asyncProperty(casesOf(op, { views: true }), async (c) => {
        await agree(() => {
          const y = op.apply(c.inputs, c.params)
          const floats = c.inputs.filter((x) => x.dtype === 'float') as Tensor[]
          if (!op.differentiable || floats.length === 0 || y.dtype !== 'float') return [y]
          return [y, ...grad((y as Tensor).mul(y as Tensor).sum(), floats)]
        })
      }),
      { numRuns: Math.min(Number(process.env.RUNS ?? 6), 500) },
    ),
  )
})

const random = (seed: number, shape: readonly number[]) =>
  tensor(Float32Array.from(new Random(seed).normals(shape.reduce((a, b) => a * b, 1))), shape)

class Net extends Module {
  readonly #conv = this.child('conv', new Conv2d(2, 3, 3, { random: new Random(1), padding: 1 }))
  readonly #fc = this.child('fc', new Linear(12, 5, { random: new Random(2) }))

  logits(x: Tensor): Tensor {
    return this.#fc.forward(
      this.#conv
        .forward(x)
        .relu()
        .slice([null, null, [0, 2], [0, 2]])
        .flatten(1),
    )
  }
}

/** A whole step of distillation: forward, backward, new parameters. */
function step(): AnyTensor[] {
  const net = new Net()
  const labels = tensor(Int32Array.of(0, 3, 1, 4))
  const student = { logits: net.logits(random(3, [4, 2, 5, 5])) }
  const soft = kldiv({ student, teacher: { logits: random(4, [4, 5]) } })
  const loss = crossEntropy(student.logits, labels).add(soft)
  const parameters = net.parameters()
  const optimizer = new SGD(parameters, { lr: 0.1, momentum: 0.9 })
  return [loss, ...grad(loss, parameters), ...optimizer.parameters]
}

describe('joined', () => {
  test('a step of distillation gives the same numbers', () => agree(step))
})
