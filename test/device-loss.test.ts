import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { currentDevice } from '../src/device/current.ts'
import { DeviceError } from '../src/errors.ts'
import { assign } from '../src/graph/assign.ts'
import { device, realize, type Tensor, tensor } from '../src/index.ts'
import { decodeCheckpoint, encodeCheckpoint } from '../src/train/checkpoint.ts'
import { fit } from '../src/train/fit.ts'
import type { FitState } from '../src/train/fit-state.ts'
import { testDevice } from './setup.ts'
import { kdgrad } from './support/run-cli.ts'
import { smallRun } from './support/small-run.ts'
import { leaveSoftware, loseWebGpu, whyNoWebGpu } from './support/webgpu.ts'

const GONE =
  /^webgpu: the device was lost, and with it the (values that were only there|only values of a tensor), got .+\. .+\.$/

/** All that a command says of it. */
const GONE_ALONE = new RegExp(`${GONE.source.slice(0, -1)}\\n$`)

const absent = await whyNoWebGpu()
// Declared first, so that it comes last: other files that share the process do not find the adapter.
afterAll(async () => {
  if (!absent) await loseWebGpu()
  leaveSoftware()
})
if (absent) console.log(`device loss is not tested: ${absent}`)

const values = async (t: Tensor) => Array.from(await t.data())

async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => null,
    (cause: unknown) => cause,
  )
  expect(error).toBeInstanceOf(DeviceError)
  return (error as DeviceError).message
}

describe.skipIf(absent)('after webgpu was lost', () => {
  beforeAll(async () => {
    await device('webgpu')
    return async () => {
      await device(testDevice)
    }
  })

  test('what was under way is refused, and nothing hangs', async () => {
    const x = tensor(new Float32Array(1000).fill(2))
    await realize(x.exp())
    const built = values(x.exp())
    const building = values(x.mul(3).tanh().add(x).sigmoid())
    const reading = values(x)
    const lost = loseWebGpu()
    const outcomes = await Promise.allSettled([built, building, reading, lost])
    for (const { status, reason } of outcomes as PromiseRejectedResult[])
      if (status === 'rejected') expect(reason.message).toMatch(GONE)
    expect((await currentDevice()).lost).not.toBe(true)
  })

  test('the next realize runs on a new device, from what the host has', async () => {
    const x = tensor([1, 2, 3])
    const before = await currentDevice()
    const y = x.mul(2)
    const z = y.add(1)
    expect(await values(y)).toEqual([2, 4, 6])
    await loseWebGpu()
    const first = values(z)
    // The loss may be told only during this one.
    const got = await first.catch(() => values(z))
    expect(got).toEqual([3, 5, 7])
    expect(await values(y)).toEqual([2, 4, 6])
    expect(await values(x)).toEqual([1, 2, 3])
    expect(await currentDevice()).not.toBe(before)
    expect(before.lost).toBe(true)
  })

  test('values that were only there are refused, also what would be computed from others by now', async () => {
    const w = tensor([1, 2])
    const doubled = w.mul(2)
    const of = tensor([5, 6]).add(1)
    await realize(doubled, of)
    const trained = tensor([0, 0])
    assign(trained, of)
    const onTop = trained.add(1)
    assign(w, tensor([7, 8]))
    await loseWebGpu()
    await values(tensor([1])).catch(() => {})
    for (const gone of [trained, onTop, doubled, doubled.sum()])
      expect(await refusal(values(gone))).toMatch(GONE)
    expect(await values(w)).toEqual([7, 8])
    expect(await values(of)).toEqual([6, 7])
    assign(trained, tensor([3, 4]))
    expect(await values(onTop)).toEqual([4, 5])
  })

  test('a kernel that was never built is refused like any other', async () => {
    const on = await currentDevice()
    const x = await on.upload(Float32Array.of(1, 2))
    await loseWebGpu()
    await expect(async () => on.read(x)).rejects.toThrow(GONE)
    await expect(async () => on.upload(Float32Array.of(1))).rejects.toThrow(GONE)
    on.release(x)
  })
})

describe.skipIf(absent)('a training run whose device is lost', () => {
  test('says so, keeps its last checkpoint, and goes on from it on a new device', async () => {
    await device('webgpu')
    const whole = smallRun()
    await fit(whole.options)
    const wanted = await whole.weights()

    const saved: Uint8Array[] = []
    const onCheckpoint = async (state: FitState) => {
      const current = { run: { row: 'test', seed: 0 }, stages: [], seconds: 1, fit: state }
      saved.push(await encodeCheckpoint({ finished: [], current }, 'test'))
    }
    let losing: Promise<void> | undefined
    const cut = smallRun({
      onStep: ({ step }) => {
        if (step === 8) losing ??= loseWebGpu()
      },
      onCheckpoint,
    })
    expect(await refusal(fit(cut.options))).toMatch(GONE)
    await losing
    expect(saved.length).toBe(2)

    const { current } = await decodeCheckpoint(saved[1]!, 'the last', 'test')
    expect(current!.fit.optimizer.steps).toBe(6)
    // The same modules and optimiser, whose values are gone, and new ones.
    for (const again of [cut, smallRun()]) {
      const { done } = await fit(again.options, current!.fit)
      expect(done).toBe(true)
      expect(await again.weights()).toEqual(wanted)
    }
  })

  const scratch = mkdtempSync(join(tmpdir(), 'kdgrad-loss-'))
  afterAll(async () => {
    rmSync(scratch, { recursive: true, force: true })
    await device(testDevice)
  })

  test('kdgrad distill says so in a sentence, and resumes', { timeout: 300_000 }, async () => {
    const folder = join(scratch, 'run')
    const checkpoint = join(folder, 'checkpoint.safetensors')
    const flags =
      'distill --dataset glyphs --train-images 32 --labels 16 --test-images 16 --epochs 2 --teacher-epochs 1 --batch 16 --losses kldiv --checkpoint-every 1 --device webgpu'
    let ended = false
    const running = kdgrad([...flags.split(' '), '--out', folder]).finally(() => {
      ended = true
    })
    while (!ended && !existsSync(checkpoint)) await sleep(20)
    await loseWebGpu()
    const { code, out, err } = await running
    expect(out).toMatch(/^Device webgpu \(.+\); run folder /)
    expect(err).toMatch(GONE_ALONE)
    expect(out).toContain(`go on with --resume ${folder}\n`)
    expect(code).toBe(2)
    // Whole: `--resume` checks its sum.
    expect(readFileSync(checkpoint).length).toBeGreaterThan(0)
    const again = await kdgrad(['distill', '--resume', folder])
    expect(again.err).toBe('')
    expect(again.code).toBe(0)
    expect(existsSync(join(folder, 'summary.json'))).toBe(true)
  })
})
