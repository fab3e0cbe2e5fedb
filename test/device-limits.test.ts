import { beforeAll, describe, expect, test } from 'vitest'
import { currentDevice } from '../src/device/current.ts'
import { DeviceError } from '../src/errors.ts'
import { device, full, realize, type Tensor, tensor, zeros } from '../src/index.ts'
import { testDevice } from './setup.ts'

// Sizes at the limits are right, or refused in a sentence: never silently wrong.

const LONG = 20_000_000
/** Repeats after a prime, so that a shifted place shows. */
const ramp = (n: number) => Float32Array.from({ length: n }, (_, i) => (i % 9973) - 4000)

/** The device under test (KDGRAD_DEVICE); by itself `npm test` tries the one that does not take minutes for it. */
const name = testDevice === 'reference' ? 'cpu' : testDevice

/** What it comes to; null where the device refuses, which it must say. */
async function orRefused<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work()
  } catch (error) {
    expect(error).toBeInstanceOf(DeviceError)
    expect((error as Error).message).toMatch(/^.+, got .+\. .+\.$/s)
    console.log(`${(await currentDevice()).name} refuses: ${(error as Error).message}`)
    return null
  }
}

function firstWrong(got: ArrayLike<number>, want: (i: number) => number, n: number): string | null {
  if (got.length !== n) return `${got.length} numbers`
  for (let i = 0; i < n; i++) if (got[i] !== want(i)) return `${got[i]} at ${i} for ${want(i)}`
  return null
}

describe(name, () => {
  beforeAll(async () => {
    await device(name)
    return async () => {
      await device(testDevice)
    }
  })
  const check = (what: string, body: () => Promise<void>) => test(what, { timeout: 300_000 }, body)
  const exact = async (work: () => Tensor, want: (i: number) => number) => {
    const tensors = work()
    const got = await orRefused(() => tensors.data())
    if (got) expect(firstWrong(got, want, tensors.size)).toBeNull()
  }

  const values = ramp(LONG)

  check('maths on 20 million elements', async () => {
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
  })

  const divisions = 'places taken apart by divisions of more than 24 bits'
  if (name === 'cpu' || name === 'gpujs-wasm')
    test.skip(`${divisions}: WebAssembly takes minutes for them`, () => {})
  else
    check(divisions, async () => {
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
    })

  check('sums of 20 million elements', async () => {
    const x = tensor(values, [LONG])
    let total = 0
    for (const v of values) total += v
    const sum = await orRefused(() => x.sum().item())
    if (sum !== null) expect(Math.abs(sum - total) / total).toBeLessThan(1e-6)
    await exact(
      () => x.reshape([4_000_000, 5]).max(1),
      (i) => Math.max(...values.subarray(5 * i, 5 * i + 5)),
    )
    const rows = await orRefused(() => x.reshape([5, 4_000_000]).sum(1).data())
    const part = (r: number) => values.subarray(r * 4_000_000, (r + 1) * 4_000_000).reduce((s, v) => s + v, 0)
    if (rows) for (let r = 0; r < 5; r++) expect(rows[r]! / part(r)).toBeCloseTo(1, 5)
  })

  check('look-ups above 2^24', async () => {
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
    await expect(async () =>
      realize(tensor(values, [LONG]).gather(0, tensor(Int32Array.of(2 ** 24 + 1)))),
    ).rejects.toThrow(DeviceError)
  })

  check('places above 2^24', async () => {
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
  })

  check('sides above those of textures and workgroups', async () => {
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
          return Math.fround(sum)
        },
      )
    }
  })

  check('an expression of twelve arrays', async () => {
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
  })
})
