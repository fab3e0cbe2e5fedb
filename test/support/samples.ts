import fc from 'fast-check'
import type { Draw, Entry, Input } from '../../src/graph/define.ts'
import { sizeOf, stridesOf } from '../../src/shape.ts'
import { type AnyTensor, type Tensor, tensor } from '../../src/tensor.ts'

/** Sizes that have been trouble before: 1, primes, multiples of 4. */
const SIZES = [1, 2, 3, 4, 5, 7, 8, 11, 12, 16]

/** A case of an operation: inputs and settings, printing as the code that rebuilds it. */
export interface OpCase {
  readonly inputs: readonly AnyTensor[]
  readonly params: object
  toString(): string
}

/** Cases of an operation from its own samples, shrinking in size. `views` also lays inputs out other than in order. */
export function casesOf(entry: Entry, { views = false } = {}): fc.Arbitrary<OpCase> {
  return fc.gen().map((g) => {
    const draw: Draw = {
      size: (max = 16) => g(fc.constantFrom, ...SIZES.filter((n) => n <= max)),
      shape: (least, most) => {
        const rank = g(fc.integer, { min: least, max: most })
        return Array.from({ length: rank }, () =>
          g(fc.constantFrom, ...SIZES.filter((n) => n <= (rank > 2 ? 5 : 12))),
        )
      },
      int: (low, high) => g(fc.integer, { min: low, max: high }),
      pick: (options) => g(fc.constantFrom, ...options),
    }
    const { inputs, params = {} } = entry.samples(draw)
    const values = inputs.map((input, k) => {
      // A share of its own within each step keeps distinct inputs from meeting each other too.
      const leaf = leafOf(g, input, (k + 1) / (inputs.length + 1))
      return views ? laidOut(leaf, draw.pick(['plain', 'permuted', 'cut', 'reversed'])) : leaf
    })
    return {
      inputs: values,
      params,
      toString: () =>
        `${entry.name}(\n${values.map((v) => `  ${v},`).join('\n')}\n  ${JSON.stringify(params)})`,
    }
  })
}

function leafOf(
  g: fc.GeneratorValue,
  { shape, dtype = 'float', low = -2, high = 2, distinct, values }: Input,
  share: number,
): AnyTensor {
  if (values) return tensor([...values], [...shape], dtype)
  const size = sizeOf(shape)
  const seed = g(fc.nat, { max: 2 ** 31 - 1 })
  const next = mulberry(seed)
  if (dtype === 'bool')
    return tensor(
      Uint8Array.from({ length: size }, () => Number(next() < 0.5)),
      [...shape],
    )
  if (dtype === 'int')
    return tensor(
      Int32Array.from({ length: size }, () => low + Math.floor(next() * (high - low + 1))),
      [...shape],
    )
  // Multiples of 2^-16, which float32 holds exactly too.
  const grid = (x: number) => Math.round(x * 65536) / 65536
  if (!distinct)
    return tensor(
      Float64Array.from({ length: size }, () => grid(low + next() * (high - low))),
      [...shape],
    )
  const order = Array.from({ length: size }, (_, i) => ({ i, key: next() })).sort((a, b) => a.key - b.key)
  const ranks = new Float64Array(size)
  order.forEach(({ i }, rank) => {
    ranks[i] = grid(low + ((rank + share) * (high - low)) / size)
  })
  return tensor(ranks, [...shape])
}

/** The same values and shape, but as a view of a leaf that lies otherwise. */
function laidOut(x: AnyTensor, how: string): AnyTensor {
  const host = x.host!
  const rebuilt = (shape: number[], at: (i: number) => number) =>
    tensor(
      Array.from({ length: sizeOf(shape) }, (_, i) => host[at(i)] ?? 0),
      shape,
      x.dtype,
    )
  if (how === 'permuted' && x.rank >= 2) {
    const turned = [...x.shape].reverse()
    const [from, to] = [stridesOf(x.shape), stridesOf(turned)]
    const leaf = rebuilt(turned, (i) =>
      to.reduce((sum, s, d) => sum + (Math.floor(i / s) % turned[d]!) * from[x.rank - 1 - d]!, 0),
    )
    return leaf.permute(x.shape.map((_, d) => x.rank - 1 - d))
  }
  if (how === 'cut' && x.rank >= 1) {
    const last = x.shape[x.rank - 1]!
    const wide = [...x.shape.slice(0, -1), last + 2]
    const leaf = rebuilt(wide, (i) =>
      Math.min(Math.max(Math.floor(i / (last + 2)) * last + (i % (last + 2)) - 1, 0), host.length - 1),
    )
    return leaf.slice([...x.shape.slice(0, -1).map(() => null), [1, last + 1]])
  }
  if (how === 'reversed' && x.rank >= 1) {
    const leaf = tensor(Array.from(host).reverse(), x.shape, x.dtype)
    return leaf.flip(x.shape.map((_, d) => d))
  }
  return x
}

/** A small generator of the tests' own, so that cases do not move with the library's. */
function mulberry(seed: number): () => number {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

export const floats = (inputs: readonly AnyTensor[]): Tensor[] =>
  inputs.filter((x): x is Tensor => x.dtype === 'float')
