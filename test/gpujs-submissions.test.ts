import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Compiled, type Handle, openRuntime, type Runtime } from '../src/device/gpujs/runtime.ts'
import { device, full, realize, tensor } from '../src/index.ts'
import { kldiv } from '../src/losses/index.ts'
import { Student } from '../src/nn/models/index.ts'
import { Adam } from '../src/optim/index.ts'
import { Random } from '../src/random.ts'
import { testDevice } from './setup.ts'
import { type Watched, watch } from './support/watch-calls.ts'
import { classesOfWebGpu, leaveSoftware, whyNoWebGpu } from './support/webgpu.ts'

// What webgpu is asked for, and when: calls are recorded and handed over together, and buffers pass from one to another.

const absent = await whyNoWebGpu()
afterAll(leaveSoftware)
if (absent) console.log(`submissions to webgpu are not tested: ${absent}`)

const drawn = (seed: number, shape: readonly number[]) =>
  tensor(new Random(seed).normals(shape.reduce((size, side) => size * side, 1)), shape)

const counts = { kernels: 0, submissions: 0, reads: 0, made: 0, destroyed: 0 }

describe.skipIf(absent)('webgpu', () => {
  beforeAll(async () => {
    const { GPUDevice, GPUBuffer, GPUQueue, GPUComputePassEncoder } = await classesOfWebGpu()
    const count = (class_: Watched, method: string, what: keyof typeof counts) =>
      watch(class_, method, () => counts[what]++)
    const undo = [
      count(GPUDevice!, 'createBuffer', 'made'),
      count(GPUBuffer!, 'destroy', 'destroyed'),
      count(GPUBuffer!, 'mapAsync', 'reads'),
      count(GPUQueue!, 'submit', 'submissions'),
      count(GPUComputePassEncoder!, 'dispatchWorkgroups', 'kernels'),
    ]
    return () => {
      for (const each of undo) each()
    }
  })
  beforeEach(() => {
    for (const name of Object.keys(counts) as (keyof typeof counts)[]) counts[name] = 0
  })

  test('a training step is one submission: no read-back, no new buffers but for what is held', async () => {
    await device('webgpu')
    try {
      const net = new Student({ size: 8, channels: [2, 4], seed: 1 })
      const optimizer = new Adam(net.parameters(), { lr: 1e-3 })
      const step = async () => {
        const [x, logits] = [drawn(1, [4, 1, 8, 8]), drawn(2, [4, 10])]
        await optimizer.step(kldiv({ student: net.forward(x), teacher: { logits } }))
      }
      for (let i = 0; i < 4; i++) await step()
      for (const name of Object.keys(counts) as (keyof typeof counts)[]) counts[name] = 0
      await step()
      expect(counts.kernels).toBeGreaterThan(20)
      expect(counts).toMatchObject({ submissions: 1, reads: 0 })
      // Its two inputs and its loss are not collected yet.
      expect(counts.made).toBeLessThanOrEqual(3)
    } finally {
      await device(testDevice)
    }
  })

  test('results that nobody keeps do not fill its memory', async () => {
    await device('webgpu')
    try {
      const MiB = 2 ** 18
      let most = 0
      // Two buffers a round.
      for (let i = 0; i < 300; i++) {
        await realize(full([MiB], 1).add(i))
        most = Math.max(most, counts.made - counts.destroyed)
      }
      expect(most).toBeLessThan(250)
    } finally {
      await device(testDevice)
    }
  })

  describe('buffers', () => {
    const SIZE = 1000
    let runtime: Runtime
    let double: Compiled
    beforeAll(async () => {
      runtime = await openRuntime('webgpu')
      double = runtime.compile({
        name: 'double',
        source: 'function (a) { return a[this.thread.x] * 2.0; }',
        grid: [SIZE],
        arrays: 1,
        scalars: 0,
      })
      // From now on calls are recorded at once.
      runtime.release(await double([upload(0)], []))
      return () => runtime.close()
    })
    const upload = (value: number) => runtime.upload(new Float32Array(SIZE).fill(value)) as Handle
    const doubled = (handle: Handle) => double([handle], []) as Handle
    const first = async (handle: Handle) => (await runtime.read(handle))[SIZE - 1]

    test('an upload does not overwrite what a call that waits is still to read', async () => {
      const three = upload(3)
      const six = doubled(three)
      runtime.release(three)
      const five = upload(5)
      expect(await first(six)).toBe(6)
      expect(await first(five)).toBe(5)
    })

    test('a result may take the place of an argument that was released', async () => {
      let handle = upload(1)
      await first(handle)
      counts.made = 0
      for (let i = 0; i < 10; i++) {
        const next = doubled(handle)
        runtime.release(handle)
        handle = next
      }
      expect(counts.made).toBeLessThanOrEqual(1)
      expect(await first(handle)).toBe(1024)
    })

    test('more calls than the parameters of one submission have room for', async () => {
      const one = upload(1)
      const results = Array.from({ length: 3000 }, () => doubled(one))
      expect(await first(results[0]!)).toBe(2)
      expect(await first(results[2999]!)).toBe(2)
      expect(counts.submissions).toBeLessThan(10)
      for (const result of results) runtime.release(result)
    })

    test('those that nobody takes again are destroyed', async () => {
      const held = upload(7)
      const handles = Array.from({ length: 5 }, () => doubled(held))
      await first(held)
      for (const handle of handles) runtime.release(handle)
      counts.destroyed = 0
      for (let i = 0; i < 20; i++) await first(held)
      // Each reading destroys one of its own.
      expect(counts.destroyed - 20).toBeGreaterThanOrEqual(5)
    })
  })
})
