import { DeviceError } from '../../src/errors.ts'
import { device, realize, type Tensor, tensor } from '../../src/index.ts'
import { decodeCheckpoint, encodeCheckpoint, type FitState, fit } from '../../src/train/index.ts'
import { smallRun } from '../support/small-run.ts'
import { type Watched, watch } from '../support/watch-calls.ts'

/** How a GPU device is lost, and a call that every kernel and every read-back makes on it. */
interface Loss {
  readonly owner: string
  readonly call: string
  readonly lose: (owner: object) => void
}

const LOSSES: Readonly<Record<string, Loss>> = {
  webgpu: {
    owner: 'GPUDevice',
    call: 'createCommandEncoder',
    lose: (owner) => (owner as { destroy(): void }).destroy(),
  },
  webgl2: {
    owner: 'WebGL2RenderingContext',
    call: 'bindFramebuffer',
    lose: (owner) => (owner as WebGL2RenderingContext).getExtension('WEBGL_lose_context')!.loseContext(),
  },
}

/** What a check is given. */
interface Given {
  /** Takes the device away in the middle of that call, counted from now. */
  loseAt(call: number): void
  /** Says so where the work is not refused as on a lost device. */
  refused(what: string, work: () => Promise<unknown>): Promise<void>
  /** Says so where the numbers are not those. */
  same(what: string, got: Tensor | readonly number[], wanted: readonly number[]): Promise<void>
}

/**
 * Has a GPU device of this page taken away as a driver that restarts would; what then goes wrong, in sentences. Nothing
 * takes the processor away.
 */
export async function losing(name: string, onProgress: (what: string) => void): Promise<string[]> {
  const loss = LOSSES[name]
  if (!loss) return []
  const { owner, call, lose } = loss
  const faults: string[] = []
  let left = 0
  watch((globalThis as unknown as Readonly<Record<string, Watched>>)[owner]!, call, (self) => {
    if (left > 0 && --left === 0) lose(self)
  })
  const gone = new RegExp(`^${name}: the device was lost, and with it the .+, got .+\\. .+\\.$`)
  await device(name)
  for (const check of [kernel, kernelBuilt, reading, training])
    await check({
      loseAt: (nth) => {
        left = nth
      },
      async refused(what, work) {
        onProgress(`${what} while ${name} is lost`)
        const said = await work().then(
          () => 'nothing was refused',
          (error: unknown) =>
            error instanceof DeviceError && gone.test(error.message) ? null : String(error),
        )
        if (said !== null) faults.push(`losing ${name}: ${what}, got "${said}"`)
      },
      async same(what, got, wanted) {
        const numbers = Array.isArray(got) ? got : Array.from(await (got as Tensor).data())
        if (numbers.join() !== wanted.join())
          faults.push(`losing ${name}: ${what} gives other numbers, got ${numbers} for ${wanted}`)
      },
    }).catch((error) => void faults.push(`losing ${name}: a check ends, got "${error}"`))
  return faults
}

async function kernelBuilt({ loseAt, refused, same }: Given): Promise<void> {
  const x = tensor([1, 2, 3])
  await same('before', x.mul(2), [2, 4, 6])
  const y = x.mul(2)
  loseAt(1)
  await refused('a kernel under way', () => y.data())
  await same('the next realize', y, [2, 4, 6])
}

async function kernel({ loseAt, refused, same }: Given): Promise<void> {
  const x = tensor([1, 2, 3])
  await realize(x)
  const y = x.mul(3).add(x)
  loseAt(1)
  await refused('a kernel being built', () => y.data())
  await same('what was uploaded', x, [1, 2, 3])
  await same('what is computed from it', y, [4, 8, 12])
}

async function reading({ loseAt, refused, same }: Given): Promise<void> {
  const y = tensor([1, 2, 3]).mul(2)
  await realize(y)
  loseAt(1)
  await refused('a read-back', () => y.data())
  await same('what can be computed again', y, [2, 4, 6])
}

async function training({ loseAt, refused, same }: Given): Promise<void> {
  const whole = smallRun()
  await fit(whole.options)
  const wanted = await whole.weights()
  const saved: Uint8Array[] = []
  let lost = false
  const cut = smallRun({
    onStep: ({ step }) => {
      // Once: the same run goes on later.
      if (step === 7 && !lost) loseAt(10)
      lost ||= step === 7
    },
    onCheckpoint: async (state: FitState) => {
      const current = { run: { row: 'test', seed: 0 }, stages: [], seconds: 1, fit: state }
      saved.push(await encodeCheckpoint({ finished: [], current }, 'test'))
    },
  })
  await refused('a training step', () => fit(cut.options))
  await same('the number of checkpoints', [saved.length], [2])
  const { current } = await decodeCheckpoint(saved.at(-1)!, 'the last', 'test')
  for (const again of [cut, smallRun()]) {
    await fit(again.options, current!.fit)
    await same('a run that goes on from its checkpoint', await again.weights(), wanted)
  }
}
