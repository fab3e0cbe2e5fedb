import { DeviceError } from '../../src/errors.ts'
import { full, realize, type Tensor, tensor, zeros } from '../../src/index.ts'

// Sizes at the limits of a device are right, or refused in a sentence: never silently wrong.

const LONG = 20_000_000
/** Repeats after a prime, so that a shifted place shows. */
const ramp = (n: number) => Float32Array.from({ length: n }, (_, i) => (i % 9973) - 4000)

function firstWrong(got: ArrayLike<number>, want: (i: number) => number, n: number): string | null {
  if (got.length !== n) return `${got.length} numbers`
  for (let i = 0; i < n; i++)
    if (Math.fround(got[i]!) !== Math.fround(want(i))) return `${got[i]} at ${i} for ${want(i)}`
  return null
}

function near(got: number, want: number, share: number): void {
  if (!(Math.abs(got / want - 1) < share)) throw new Error(`${got} for ${want}`)
}

/** What a check asks of the current device. Where that refuses, in a sentence, the check has nothing to say against it. */
interface Asking {
  /** Fails where an element is another one than wanted, in float32. */
  exact(work: () => Tensor, want: (i: number) => number): Promise<void>
  /** What it comes to; null where it is refused. */
  orRefused<T>(work: () => Promise<T>): Promise<T | null>
}

/** Asks the current device, and tells `refused` with which words it refuses. */
export function asking(refused: (words: string) => void): Asking {
  const orRefused: Asking['orRefused'] = async (work) => {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof DeviceError && /^.+, got .+\. .+\.$/s.test(error.message))) throw error
      refused(error.message)
      return null
    }
  }
  const exact: Asking['exact'] = async (work, want) => {
    const result = work()
    const got = await orRefused(() => result.data())
    const wrong = got && firstWrong(got, want, result.size)
    if (wrong) throw new Error(wrong)
  }
  return { exact, orRefused }
}

const DIVISIONS = 'places taken apart by divisions of more than 24 bits'

/** Why a check is left out on a device; null where it is not. */
export const leftOut = (check: string, device: string): string | null =>
  check === DIVISIONS && (device === 'cpu' || device === 'gpujs-wasm')
    ? 'WebAssembly takes minutes for them'
    : null

const values = ramp(LONG)

/** The checks by what they try, each on the current device. */
export const sizeChecks: Readonly<Record<string, (ask: Asking) => Promise<void>>> = {
  'maths on 20 million elements': async ({ exact }) => {
    const x = tensor(values, [LONG])
    await exact(
      () => x.mul(2).add(1),
      (i) => values[i]! * 2 + 1,
    )
    // Its sides divide by nothing that is a power of 2.
    const wide = x.reshape([4_000_000, 5])
    await exact(
      () => wide.transpose().add(0),
      (i) => values[(i % 4_000_000) * 5 + Math.floor(i / 4_000_000)]!,
    )
    const bias = tensor([1, 2, 3, 4, 5])
    await exact(
      () => wide.add(bias),
      (i) => values[i]! + (i % 5) + 1,
    )
    await exact(
      () => x.reshape([5, 4_000_000]).add(bias.reshape([5, 1])),
      (i) => values[i]! + Math.floor(i / 4_000_000) + 1,
    )
  },

  [DIVISIONS]: async ({ exact }) => {
    // Quotients above 2^20, and divisors above 2^9.
    const n = 6_666_666
    const thirds = tensor(values.subarray(0, 3 * n), [n, 3])
    await exact(
      () => thirds.transpose().add(0),
      (i) => values[(i % n) * 3 + Math.floor(i / n)]!,
    )
    const long = tensor(values.subarray(0, 3 * n), [3, n])
    await exact(
      () => long.transpose().add(0),
      (i) => values[(i % 3) * n + Math.floor(i / 3)]!,
    )
  },

  'sums of 20 million elements': async ({ exact, orRefused }) => {
    const x = tensor(values, [LONG])
    let total = 0
    for (const v of values) total += v
    const sum = await orRefused(() => x.sum().item())
    if (sum !== null) near(sum, total, 1e-6)
    await exact(
      () => x.reshape([4_000_000, 5]).max(1),
      (i) => Math.max(...values.subarray(5 * i, 5 * i + 5)),
    )
    const rows = await orRefused(() => x.reshape([5, 4_000_000]).sum(1).data())
    const part = (r: number) => values.subarray(r * 4_000_000, (r + 1) * 4_000_000).reduce((s, v) => s + v, 0)
    if (rows) for (let r = 0; r < 5; r++) near(rows[r]!, part(r), 1e-6)
  },

  'look-ups above 2^24': async ({ exact }) => {
    const places = [0, 1, 2 ** 24 - 1, 2 ** 24, 2 ** 24 + 2, LONG - 2]
    await exact(
      () => tensor(values, [LONG]).gather(0, tensor(Int32Array.from(places))),
      (i) => values[places[i]!]!,
    )
    // Few rows of which each is long: the indices are small, the addresses are not.
    await exact(
      () =>
        tensor(values, [LONG / 5, 5]).gather(
          0,
          tensor(Int32Array.of(3_999_999, 0, 3_999_998, 17, 2_000_001), [1, 5]),
        ),
      (i) => values[[3_999_999, 0, 3_999_998, 17, 2_000_001][i]! * 5 + i]!,
    )
    // No float32 holds this one.
    await exact(
      () => tensor(values, [LONG]).gather(0, tensor(Int32Array.of(2 ** 24 + 1))),
      () => values[2 ** 24 + 1]!,
    )
  },

  'places above 2^24': async ({ exact }) => {
    const at = 2 ** 24 + 3
    const one = new Float32Array(LONG)
    one[at] = 5
    const x = tensor(one, [LONG])
    await exact(
      () => x.argmax(0).toFloat(),
      () => at,
    )
    await exact(
      () => x.neg().argmin(0).toFloat(),
      () => at,
    )
  },

  'sides above those of textures and workgroups': async ({ exact }) => {
    for (const shape of [
      [70_000, 4],
      [4, 70_000],
      [600_000, 3],
      [3, 600_000],
      [2, 70_000, 3],
      [70_000, 3, 2],
    ]) {
      const n = shape.reduce((a, b) => a * b)
      const x = tensor(values.subarray(0, n), shape)
      await exact(
        () => x.mul(3),
        (i) => values[i]! * 3,
      )
      const last = shape.at(-1)!
      const along = tensor(Float32Array.from({ length: last }, (_, i) => i))
      await exact(
        () => x.add(along),
        (i) => values[i]! + (i % last),
      )
      const back = x.transpose(0, 1).add(0)
      const [rows, columns, inner] = [shape[0]!, shape[1]!, shape[2] ?? 1]
      await exact(
        () => back,
        (i) => {
          const [c, r, k] = [Math.floor(i / inner / rows), Math.floor(i / inner) % rows, i % inner]
          return values[(r * columns + c) * inner + k]!
        },
      )
      await exact(
        () => x.sum(0).flatten(),
        (i) => {
          let sum = 0
          for (let r = 0; r < rows; r++) sum += values[r * (n / rows) + i]!
          return sum
        },
      )
    }
  },

  'an expression of twelve arrays': async ({ exact }) => {
    const parts = Array.from({ length: 12 }, (_, k) => full([1000], k + 1))
    await exact(
      () => parts.reduce((sum, part, k) => sum.add(part.mul(k))),
      () => 1 + Array.from({ length: 11 }, (_, k) => (k + 2) * (k + 1)).reduce((a, b) => a + b),
    )
    const arrays = Array.from({ length: 12 }, (_, k) => tensor(values.subarray(k, k + 1000)))
    await exact(
      () => arrays.reduce((sum, part, k) => sum.add(part.mul(k))),
      (i) => arrays.reduce((sum, _, k) => sum + values[k + i]! * (k || 1), 0),
    )
    await realize(zeros([1]))
  },
}
