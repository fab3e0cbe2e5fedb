import { ValueError } from './errors.ts'

/**
 * Seeded random numbers that are the same bits on every platform and device.
 *
 * The generator is Philox-4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3",
 * SC11): a keyed bijection of a counter, so the i-th number of a stream is a pure function of (key, i).
 * It is computed in 32-bit integers alone, and the normals in + - * / and sqrt alone, all of which IEEE 754 rounds
 * in one way only; Math.log and Math.cos may differ by an ulp between engines and are not used.
 */

/** Where a stream stands. Plain numbers: it goes through JSON unchanged. */
export interface RandomState {
  /** The stream: two unsigned 32-bit words. */
  readonly key: readonly [number, number]
  /** How many numbers the stream has given. */
  readonly counter: number
}

// The fourth counter word keeps the blocks that name a fork apart from the blocks that are drawn.
const DRAW = 0
const FORK_BY_NUMBER = 1
const FORK_BY_TEXT = 2

const TWO_32 = 2 ** 32

/**
 * Philox-4x32 with ten rounds: the block of four 32-bit words for counter (c0, c1, c2, c3) under key (k0, k1),
 * written to `out` as signed words. Pinned by the known answers of Random123's `kat_vectors`.
 */
export function philox4x32(
  out: Int32Array,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
): void {
  // `| 0` after every step keeps the engine in 32-bit integers throughout, and takes the arguments as any 32 bits.
  c0 |= 0
  c1 |= 0
  c2 |= 0
  c3 |= 0
  k0 |= 0
  k1 |= 0
  for (let round = 0; round < 10; round++) {
    const high0 = highProduct(c0, 0xd251, 0x1f53)
    const high1 = highProduct(c2, 0xcd9e, 0x8d57)
    const low0 = Math.imul(c0, 0xd2511f53)
    const low1 = Math.imul(c2, 0xcd9e8d57)
    c0 = high1 ^ c1 ^ k0
    c2 = high0 ^ c3 ^ k1
    c1 = low1
    c3 = low0
    k0 = (k0 + 0x9e3779b9) | 0
    k1 = (k1 + 0xbb67ae85) | 0
  }
  out[0] = c0
  out[1] = c1
  out[2] = c2
  out[3] = c3
}

/** The upper word of the 64-bit product of `word` and the multiplier of these two 16-bit halves, all unsigned. */
function highProduct(word: number, upper: number, lower: number): number {
  const a = word >>> 16
  const b = word & 0xffff
  const middle = (Math.imul(a, lower) + (Math.imul(b, lower) >>> 16)) | 0
  const carried = (Math.imul(b, upper) + (middle & 0xffff)) | 0
  return (Math.imul(a, upper) + (middle >>> 16) + (carried >>> 16)) | 0
}

/**
 * A stream of random numbers, fixed by a seed. A uniform, a normal and a Bernoulli draw each take exactly one number
 * of the stream, so `uniforms(n)` is what n calls of `uniform()` give; `integer` takes one, rarely more.
 */
export class Random {
  #k0: number
  #k1: number
  #counter = 0
  /** The block of words last computed: two numbers of the stream, those of block index `#held`. */
  readonly #block = new Int32Array(4)
  #held = -1

  /** @param seed any safe integer, negative too; throws ValueError otherwise */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed))
      throw new ValueError(`Random: the seed must be a whole number, got ${seed}. Use one such as 0.`)
    this.#k0 = lowWord(seed)
    this.#k1 = highWord(seed)
  }

  /** The stream and the place in it; `Random.restore` goes on from exactly here. */
  get state(): RandomState {
    return { key: [this.#k0 >>> 0, this.#k1 >>> 0], counter: this.#counter }
  }

  /** A generator that goes on where `state` was taken. Throws ValueError if it is no such state. */
  static restore(state: RandomState): Random {
    // A state may come from a file, so its type is a claim.
    const { key, counter } = (state ?? {}) as Partial<RandomState>
    if (key?.length !== 2 || !isWord(key[0]) || !isWord(key[1]) || !isCount(counter))
      throw new ValueError(
        `Random.restore: this is no state of a generator, got ${JSON.stringify(state)}. Pass what \`state\` gave.`,
      )
    const random = Random.#keyed(key[0], key[1])
    random.#counter = counter
    return random
  }

  static #keyed(k0: number, k1: number): Random {
    const random = new Random(0)
    random.#k0 = k0 | 0
    random.#k1 = k1 | 0
    return random
  }

  /**
   * The stream of this name below this one: independent of this stream and of its other forks, and the same wherever
   * this stream stands, as a fork takes nothing from it. The number 1 and the text '1' name two streams.
   * Throws ValueError on a number that is not a safe integer.
   */
  fork(label: string | number): Random {
    // Each step's key is a block of the step before: a hash chain over the label, keyed by this stream.
    const words = new Int32Array(4)
    if (typeof label === 'number') {
      if (!Number.isSafeInteger(label))
        throw new ValueError(
          `Random.fork: a number that names a stream must be whole, got ${label}. Use text or 0, 1, 2.`,
        )
      philox4x32(words, lowWord(label), highWord(label), 0, FORK_BY_NUMBER, this.#k0, this.#k1)
      return Random.#keyed(words[0]!, words[1]!)
    }
    words[0] = this.#k0
    words[1] = this.#k1
    for (let i = 0; i === 0 || i < label.length; i += 4) {
      const front = pairOfUnits(label, i)
      const back = pairOfUnits(label, i + 2)
      // The length keeps 'a' apart from 'a\0', which fills the chunk with the same units.
      philox4x32(words, front, back, label.length, FORK_BY_TEXT, words[0]!, words[1]!)
    }
    return Random.#keyed(words[0]!, words[1]!)
  }

  /** Where in `#block` the two words of the stream's next number are; takes that number. */
  #take(): 0 | 2 {
    const counter = this.#counter++
    const index = Math.floor(counter / 2)
    if (index !== this.#held) {
      philox4x32(this.#block, lowWord(index), highWord(index), 0, DRAW, this.#k0, this.#k1)
      this.#held = index
    }
    return counter % 2 === 0 ? 0 : 2
  }

  /** A number in [0, 1), one of 2^53 evenly spaced ones. Rounded to float32 it may become 1. */
  uniform(): number {
    const at = this.#take()
    return ((this.#block[at]! >>> 0) * 2 ** 21 + (this.#block[at + 1]! >>> 11)) / 2 ** 53
  }

  /** `n` numbers in [low, high). Throws ValueError if n is no count, or unless low <= high, both finite. */
  uniforms(n: number, low = 0, high = 1): Float64Array {
    checkCount('Random.uniforms', n)
    if (!(low <= high && Number.isFinite(high - low)))
      throw new ValueError(
        `Random.uniforms: low must not exceed high, got ${low} and ${high}. Pass finite bounds in order.`,
      )
    const out = new Float64Array(n)
    for (let i = 0; i < n; i++) out[i] = low + (high - low) * this.uniform()
    return out
  }

  /** A number of the normal distribution, within 8.3 deviations of the mean. Throws ValueError as `normals` does. */
  normal(mean = 0, std = 1): number {
    checkNormal('Random.normal', mean, std)
    return mean + std * this.#standardNormal()
  }

  /** `n` numbers of the normal distribution. Throws ValueError if n is no count, or unless std >= 0, both finite. */
  normals(n: number, mean = 0, std = 1): Float64Array {
    checkCount('Random.normals', n)
    checkNormal('Random.normals', mean, std)
    const out = new Float64Array(n)
    for (let i = 0; i < n; i++) out[i] = mean + std * this.#standardNormal()
    return out
  }

  #standardNormal(): number {
    const at = this.#take()
    // 52 bits and a half: never 0 or 1, and symmetric about 1/2.
    const p = ((this.#block[at]! >>> 0) * 2 ** 20 + (this.#block[at + 1]! >>> 12) + 0.5) / 2 ** 52
    return normalQuantile(p)
  }

  /** A whole number from 0 to n - 1, every one exactly as likely. Throws ValueError unless n is whole, 1 to 2^32. */
  integer(n: number): number {
    if (!(Number.isInteger(n) && n >= 1 && n <= TWO_32))
      throw new ValueError(
        `Random.integer: n must be a whole number from 1 to 2^32, got ${n}. Pass how many values there are.`,
      )
    // The last, incomplete run of n words would favour the small remainders.
    const fair = TWO_32 - (TWO_32 % n)
    for (;;) {
      const word = this.#block[this.#take()]! >>> 0
      if (word < fair) return word % n
    }
  }

  /** The numbers 0 to n - 1 in random order, by Fisher and Yates's shuffle. Throws ValueError if n is no count. */
  permutation(n: number): Int32Array {
    checkCount('Random.permutation', n)
    const out = Int32Array.from({ length: n }, (_, i) => i)
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(i + 1)
      const moved = out[i]!
      out[i] = out[j]!
      out[j] = moved
    }
    return out
  }

  /** `n` numbers, each 1 with probability `p` and else 0. Throws ValueError if n is no count or p is not in [0, 1]. */
  bernoulli(n: number, p: number): Float32Array {
    checkCount('Random.bernoulli', n)
    if (!(p >= 0 && p <= 1))
      throw new ValueError(`Random.bernoulli: a probability lies between 0 and 1, got ${p}. Check p.`)
    const out = new Float32Array(n)
    for (let i = 0; i < n; i++) out[i] = this.uniform() < p ? 1 : 0
    return out
  }
}

const lowWord = (n: number): number => n | 0
const highWord = (n: number): number => Math.floor(n / TWO_32) | 0
const isCount = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0
const isWord = (n: unknown): n is number => isCount(n) && n < TWO_32

/** UTF-16 units i and i + 1 of `text` in one word, 0 past the end. */
const pairOfUnits = (text: string, i: number): number =>
  i < text.length ? text.charCodeAt(i) | ((i + 1 < text.length ? text.charCodeAt(i + 1) : 0) << 16) : 0

function checkCount(who: string, n: number): void {
  if (!isCount(n))
    throw new ValueError(
      `${who}: the count must be a whole number of at least 0, got ${n}. Pass how many to draw.`,
    )
}

function checkNormal(who: string, mean: number, std: number): void {
  if (!(Number.isFinite(mean) && Number.isFinite(std) && std >= 0))
    throw new ValueError(
      `${who}: mean and std must be finite and std not negative, got ${mean} and ${std}. Check both.`,
    )
}

/**
 * The standard normal's inverse distribution function, to about 1e-16 relative: algorithm AS 241 (PPND16) of Wichura,
 * "The percentage points of the normal distribution", Applied Statistics 37 (1988). `p` lies strictly between 0 and 1.
 */
export function normalQuantile(p: number): number {
  const q = p - 0.5
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q
    return q * ratio(r, CENTRE)
  }
  const r = Math.sqrt(-logarithm(q < 0 ? p : 1 - p))
  const x = r <= 5 ? ratio(r - 1.6, FLANK) : ratio(r - 5, TAIL)
  return q < 0 ? -x : x
}

/**
 * ln(x) for 0 < x < 1, to about 1e-16 relative, without Math.log, which is not the same bits in every engine.
 * Halves are taken out until x is near 1; then ln(x) = 2 atanh((x - 1) / (x + 1)) by its series.
 */
function logarithm(x: number): number {
  let m = x
  let halvings = 0
  while (m < Math.SQRT1_2) {
    m *= 2
    halvings++
  }
  const z = (m - 1) / (m + 1)
  const zz = z * z
  // |z| <= 0.172: eleven terms leave less than 1e-17.
  let series = 1 / 21
  for (let odd = 19; odd >= 1; odd -= 2) series = series * zz + 1 / odd
  return 2 * z * series - halvings * Math.LN2
}

/** Numerator and denominator of a rational function, eight coefficients each, lowest power first. */
type Rational = readonly [numerator: readonly number[], denominator: readonly number[]]

function ratio(x: number, [numerator, denominator]: Rational): number {
  let top = numerator[7]!
  let bottom = denominator[7]!
  for (let i = 6; i >= 0; i--) {
    top = top * x + numerator[i]!
    bottom = bottom * x + denominator[i]!
  }
  return top / bottom
}

const CENTRE: Rational = [
  [
    3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987,
    67265.7709270087, 33430.57558358813, 2509.0809287301227,
  ],
  [
    1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271,
    28729.085735721943, 5226.495278852854,
  ],
]
const FLANK: Rational = [
  [
    1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684,
    0.2417807251774506, 0.022723844989269184, 0.0007745450142783414,
  ],
  [
    1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008, 0.015198666563616457,
    0.0005475938084995345, 1.0507500716444169e-9,
  ],
]
const TAIL: Rational = [
  [
    6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487, 0.026532189526576124,
    0.0012426609473880784, 2.7115555687434876e-5, 2.0103343992922881e-7,
  ],
  [
    1, 0.599832206555888, 0.1369298809227358, 0.014875361290850615, 0.0007868691311456133,
    1.8463183175100548e-5, 1.421511758316446e-7, 2.0442631033899397e-15,
  ],
]
