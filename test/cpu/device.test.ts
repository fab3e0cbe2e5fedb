import { describe, expect, test } from 'vitest'
import { openCpu } from '../../src/device/cpu/device.ts'
import type { Device } from '../../src/device/device.ts'
import { openDevice } from '../../src/device/open.ts'
import { OutOfMemoryError } from '../../src/errors.ts'
import { realizeOn } from '../../src/graph/realize.ts'
import { readOn } from '../../src/graph/values.ts'
import {
  conv2d,
  crossEntropy,
  grad,
  linear,
  maxPool2d,
  onTrace,
  type Tensor,
  type Trace,
  tensor,
} from '../../src/index.ts'
import { kldiv } from '../../src/losses/index.ts'
import { Student } from '../../src/nn/models/index.ts'
import { Random } from '../../src/random.ts'
import { sizeOf } from '../../src/shape.ts'
import { closeness } from '../support/closeness.ts'

const reference = await openDevice('reference')
const cpu = openCpu({ threads: 1 })

const random = (seed: number, shape: readonly number[], mean = 0) =>
  tensor(Float32Array.from(new Random(seed).normals(sizeOf(shape), mean, 1)), shape)

async function valuesOn(device: Device, build: () => readonly Tensor[]): Promise<number[][]> {
  const roots = build()
  await realizeOn(device, roots)
  const values: number[][] = []
  for (const root of roots) values.push(Array.from(await readOn(device, root)))
  return values
}

/** What reference made of these before. */
const known = new Map<() => readonly Tensor[], Promise<number[][]>>()

async function agrees(build: () => readonly Tensor[], device: Device = cpu): Promise<void> {
  if (!known.has(build)) known.set(build, valuesOn(reference, build))
  const wanted = (await known.get(build))!
  const got = await valuesOn(device, build)
  got.forEach((values, i) => {
    expect(closeness(values, wanted[i]!)).toBeLessThanOrEqual(1)
  })
}

describe('what follows a product or a convolution', () => {
  // Lines that are and that are no multiple of four, one sample and several.
  test.each([
    [1, 5, 3],
    [4, 8, 12],
    [7, 3, 11],
    [64, 32, 10],
  ])('linear [%i, %i] to %i with bias and activation', (n, from, to) =>
    agrees(() => {
      const z = linear(random(1, [n, from]), random(2, [to, from]), random(3, [to]))
      return [z.relu(), z.tanh().mul(z)]
    }),
  )

  test.each([
    [1, 1, 3, 5],
    [3, 2, 4, 8],
    [2, 8, 16, 14],
    [5, 16, 8, 7],
  ])(
    'conv2d of %i images, %i to %i channels, %i wide, with bias, activation and a residual',
    (n, from, to, size) =>
      agrees(() => {
        const [x, w] = [random(1, [n, from, size, size]), random(2, [to, from, 3, 3])]
        const y = conv2d(x, w, { padding: 1, bias: random(3, [to]) })
        const [dx, dw] = grad(y.relu().mul(random(5, y.shape)).sum(), [x, w])
        return [y.relu(), y.add(random(4, y.shape)).relu(), dx!, dw!]
      }),
  )

  test('softmax over the classes behind a linear layer', () =>
    agrees(() => [linear(random(1, [6, 20]), random(2, [9, 20])).softmax(1)]))
})

/** Loss and gradients of a student, batch normalisation, pooling and all. */
function step(): Tensor[] {
  const net = new Student({ size: 24, channels: [8, 12], seed: 1 })
  const logits = net.forward(random(3, [9, 1, 24, 24])).logits
  const soft = kldiv({ student: { logits }, teacher: { logits: random(4, [9, 10]) } })
  const loss = crossEntropy(logits, tensor(Int32Array.of(0, 3, 1, 4, 4, 9, 2, 7, 1))).add(soft)
  return [loss, ...grad(loss, net.parameters())]
}

describe('a whole step', () => {
  test('agrees with reference, with Winograd and without', async () => {
    await agrees(step)
    await agrees(step, openCpu({ threads: 1, winograd: false }))
  })

  test('repeats bit for bit, on one thread and on two', async () => {
    for (const threads of [1, 2]) {
      const device = openCpu({ threads })
      const first = await valuesOn(device, step)
      expect(await valuesOn(device, step)).toEqual(first)
      expect(await valuesOn(openCpu({ threads }), step)).toEqual(first)
      await agrees(step, device)
      await device.close()
    }
  })

  test('NaN and infinity come through', async () => {
    const x = tensor([
      [Number.NaN, 1],
      [Infinity, 2],
      [-Infinity, 3],
    ])
    const [sums, tops, products] = await valuesOn(cpu, () => [x.sum(1), x.amax(1), x.mul(0)])
    expect(sums).toEqual([Number.NaN, Infinity, -Infinity])
    expect(tops).toEqual([Number.NaN, Infinity, 3])
    expect(products).toEqual([Number.NaN, 0, Number.NaN, 0, Number.NaN, 0])
    const plane = random(1, [1, 1, 4, 4])
    plane.host![5] = Number.NaN
    expect((await valuesOn(cpu, () => [maxPool2d(plane, 2)]))[0]![0]).toBeNaN()
  })
})

describe('settings', () => {
  test('say how it runs, and are refused where they make no sense', async () => {
    expect(openCpu({ threads: 3 }).description).toMatch(/, 3 threads$/)
    expect(openCpu({ threads: 1 }).description).toMatch(/, 1 thread$/)
    expect(() => openCpu({ threads: 0 })).toThrow(/^cpu: .*0/)
    await expect(openDevice('reference', { threads: 2 })).rejects.toThrow(
      'device: only cpu has settings, got threads for reference. Leave them out.',
    )
  })
})

test('too large a tensor is refused by name and size, and the process lives on', async () => {
  const device = openCpu({ threads: 1 })
  const x = tensor(new Float32Array(4096), [4096, 1])
  const huge = x.expand([4096, 4096]).reshape([4096, 1, 4096]).expand([4096, 128, 4096]).exp()
  await expect(realizeOn(device, [huge])).rejects.toThrow(/^cpu: out of memory.*\[4096, 128, 4096\] by map/s)
  await agrees(() => [random(1, [5]).exp()], device)
})

test('where memory is full, garbage is collected and the kernel has a second try', async () => {
  const collections: (boolean | undefined)[] = []
  let free = 1
  const device: Device = {
    ...reference,
    relieve: (now) => {
      if (now) free += 2
      collections.push(now)
      return now ? Promise.resolve() : undefined
    },
    compile: (kernel) => {
      const run = reference.compile(kernel)
      return (buffers, scalars) => {
        if (free-- <= 0) throw new OutOfMemoryError('full')
        return run(buffers, scalars)
      }
    },
  }
  const x = random(1, [3])
  await realizeOn(device, [x.exp().sum().log()])
  expect(collections).toEqual([undefined, true, true])
  free = Number.NEGATIVE_INFINITY
  await expect(realizeOn(device, [x.sin()])).rejects.toThrow('full')
})

test('a trace tells each kernel, what it makes, its bytes and its time', async () => {
  const traces: Trace[] = []
  onTrace((trace) => traces.push(trace))
  const build = () => [
    conv2d(random(1, [2, 3, 8, 8]), random(2, [4, 3, 3, 3]), { bias: random(3, [4]) }).relu(),
  ]
  await valuesOn(cpu, build)
  await valuesOn(cpu, build)
  onTrace(null)
  await valuesOn(cpu, build)
  expect(traces).toHaveLength(2)
  expect(traces.map(({ cached }) => cached)).toEqual([false, true])
  const [{ kernels, device }] = traces as [Trace]
  expect(device).toBe('cpu')
  expect(kernels).toMatchObject([{ kernel: 'conv2d forward, fused 2 maps', outputs: '[2, 4, 6, 6]' }])
  expect(kernels[0]!.bytes).toBe(4 * (2 * 3 * 64 + 4 * 27 + 4 + 2 * 4 * 36))
  expect(kernels[0]!.milliseconds).toBeGreaterThan(0)
})
