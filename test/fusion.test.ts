import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { distillBatch } from '../src/check/index.ts'
import { openDevice } from '../src/device/open.ts'
import { outputSizes } from '../src/device/outputs.ts'
import { unlimited } from '../src/device/text/grid.ts'
import { print } from '../src/device/text/print.ts'
import { plan } from '../src/graph/compile/plan.ts'
import { walk } from '../src/graph/compile/walk.ts'
import { registry } from '../src/graph/define.ts'
import { realizeOn } from '../src/graph/realize.ts'
import { readOn } from '../src/graph/values.ts'
import {
  binaryCrossEntropyWithLogits,
  conv2d,
  crossEntropy,
  grad,
  linear,
  type Tensor,
  tensor,
} from '../src/index.ts'
import { kldiv, losses } from '../src/losses/index.ts'
import { Student } from '../src/nn/models/index.ts'
import { SGD } from '../src/optim/index.ts'
import { Random } from '../src/random.ts'
import { type AnyTensor, scalar } from '../src/tensor.ts'
import { closeness } from './support/closeness.ts'
import { trials } from './support/loss-settings.ts'
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
      { numRuns: Math.min(Number(process.env.RUNS ?? 2), 500) },
    ),
  )
})

const random = (seed: number, shape: readonly number[]) =>
  tensor(Float32Array.from(new Random(seed).normals(shape.reduce((a, b) => a * b, 1))), shape)

describe('every loss with its gradient', () => {
  test.each([...losses])('%s', (id, loss) => {
    const { params, leastSamples = 1 } = trials[id] ?? {}
    const batches = distillBatch().filter(({ student }) => student.logits.shape[0]! >= leastSamples)
    return fc.assert(
      fc.asyncProperty(batches, async (batch) => {
        await agree(() => {
          const value = loss.prepare(batch, params ?? {})(batch)
          const { logits, features = {} } = batch.student
          return [value, ...grad(value, [logits, ...Object.values(features)])]
        })
      }),
      { numRuns: Math.min(Number(process.env.RUNS ?? 1), 200) },
    )
  })
})

/** A whole step of distillation, on arrays so large that they are worked out again: forward, backward, new parameters. */
async function step(device: typeof reference): Promise<AnyTensor[]> {
  const net = new Student({ size: 24, channels: [4, 6], seed: 1 })
  const logits = net.forward(random(3, [8, 1, 24, 24])).logits
  const soft = kldiv({ student: { logits }, teacher: { logits: random(4, [8, 10]) } })
  const loss = crossEntropy(logits, tensor(Int32Array.of(0, 3, 1, 4, 4, 9, 2, 7))).add(soft)
  const optimizer = new SGD(net.parameters(), { lr: 0.1, momentum: 0.9 })
  const values = [loss, ...grad(loss, net.parameters())]
  await realizeOn(device, values)
  return [...values, ...optimizer.parameters]
}

/** What was planned for the rich device: how many kernels, and how many elements they make. */
function planned(roots: readonly AnyTensor[]) {
  const { steps } = plan(roots, walk(roots), rich.fusion)
  const made = steps.flatMap(({ kernel }) => outputSizes(kernel))
  return { kernels: steps.map(({ kernel }) => kernel.kind), made: made.reduce((sum, n) => sum + n, 0) }
}

describe('joined', () => {
  test('a step of distillation gives the same numbers', async () => {
    const wanted = await Promise.all((await step(reference)).map((t) => readOn(reference, t)))
    const got = await Promise.all((await step(rich)).map((t) => readOn(rich, t)))
    got.forEach((values, i) => {
      expect(closeness(values, wanted[i]!, { tolerance: 1e-11 })).toBeLessThanOrEqual(1)
    })
  })

  test('a loss on logits and its gradient are one kernel, a chain over a million elements too', () => {
    const logits = random(1, [8, 10])
    const loss = kldiv({ student: { logits }, teacher: { logits: random(2, [8, 10]) } })
    expect(planned([loss, ...grad(loss, [logits])]).kernels).toEqual(['fused'])
    const labels = tensor(Int32Array.of(1, 0, 3, 9, 5, 5, 7, 2))
    const hard = crossEntropy(logits, labels)
    expect(planned([hard, ...grad(hard, [logits])]).kernels).toEqual(['fused'])
    const x = random(3, [50, 70])
    const y = x.mul(x).mul(x).mul(0.044715).add(x).tanh().add(1).mul(x).sum()
    expect(planned([y, ...grad(y, [x])]).kernels).toEqual(['fused'])
  })

  test('probabilities are quotients of what was summed, not exponentials of their logarithms', () => {
    const [s, t] = [random(1, [8, 10]), random(2, [8, 10])]
    const loss = kldiv({ student: { logits: s }, teacher: { logits: t } })
    const roots = [loss, ...grad(loss, [s])]
    const { steps } = plan(roots, walk(roots), rich.fusion)
    expect(JSON.stringify(steps).match(/Math\.exp\(a\)/g)).toHaveLength(2)
  })

  test('their rows may hold anything', () =>
    agree(() => {
      const { NaN: nan, POSITIVE_INFINITY: inf } = Number
      const x = tensor([
        [0, -inf, 1],
        [-inf, -inf, -inf],
        [inf, 0, 1],
        [nan, 0, 1],
        [1e300, -1e300, 0],
        [-800, 0, -740],
      ])
      return [x.logSoftmax(1).exp()]
    }))

  test('text for other devices stays short, however long its formulas: drivers compile slowly', () => {
    const [x, y] = [random(1, [3, 5]), random(2, [3, 5])]
    const loss = binaryCrossEntropyWithLogits(x, y.sigmoid())
    const { steps } = plan([loss], walk([loss]), { inputs: 7, rich: false, recompute: 0 })
    for (const { kernel } of steps) expect(JSON.stringify(print(kernel, unlimited)).length).toBeLessThan(8000)
  })

  test('the same maths on arrays of any shape is one kernel, where nothing reads what it makes', async () => {
    const shapes = [[3], [2, 3, 3, 3], [7, 5], [1], [4, 4]]
    const build = () => {
      const [rate, kept] = [scalar(0.1), scalar(0.9)]
      return shapes.flatMap((shape, i) => {
        const [p, v, g] = [random(i, shape), random(10 + i, shape), random(20 + i, shape)]
        const moved = v.mul(kept).add(g)
        return [moved, p.sub(moved.mul(rate))]
      })
    }
    expect(planned(build()).kernels).toEqual(['batch'])
    await agree(build)
    const more = build()
    expect(planned([...more, more[0]!.sum()]).kernels.sort()).toEqual(['batch', 'fused'])
  })

  test('bias and activation follow a product or a convolution', () => {
    const x = random(1, [4, 2, 6, 6])
    const y = conv2d(x, random(2, [3, 2, 3, 3]), { bias: random(3, [3]) }).relu()
    expect(planned([y]).kernels).toEqual(['chain'])
    const z = linear(random(4, [5, 7]), random(5, [6, 7]), random(6, [6])).relu()
    expect(planned([z]).kernels).toEqual(['chain'])
  })

  test('what relu leaves for the gradient is not stored but worked out again', () => {
    const [x, w] = [random(1, [8, 2, 24, 24]), random(2, [2, 2, 3, 3])]
    const y = conv2d(conv2d(x, w, { padding: 1 }).relu(), w, { padding: 1 })
    const { made } = planned([y.sum(), ...grad(y.mul(y).sum(), [w])])
    // Each convolution, its gradient, and what the second one is masked to; no mask.
    expect(made).toBeLessThan(5.5 * x.size)
  })

  test('equal subexpressions are computed once, numbers on the host', () => {
    const x = random(1, [3, 4])
    expect(planned([x.exp().sum(0), x.exp().sum(0)]).kernels).toHaveLength(1)
    const y = x.mul(scalar(2).mul(3).add(1).exp())
    const { steps } = plan([y], walk([y]), rich.fusion)
    expect(steps).toHaveLength(1)
    expect(steps[0]!.kernel).toMatchObject({ kind: 'map', expr: 'a * b' })
  })
})
