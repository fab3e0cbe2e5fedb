import fc from 'fast-check'
import { type Tensor, tensor } from '../tensor.ts'

/** A batch as any loss on logits takes it. */
export interface LogitBatch {
  /** [N, C] */
  readonly student: { readonly logits: Tensor }
  /** [N, C] */
  readonly teacher: { readonly logits: Tensor }
  /** [N] */
  readonly labels: Tensor<'int'>
}

export interface LogitBatchOptions {
  /** Most samples. Default 5. */
  readonly samples?: number
  /** Fewest classes. Default 2. */
  readonly leastClasses?: number
  /** Most classes. Default 8. */
  readonly classes?: number
  /** Largest |logit|. Default 6. */
  readonly largest?: number
  /** Equal samples and constant rows too, where correlations and distances have no derivative. Default false. */
  readonly degenerate?: boolean
}

/**
 * Batches of logits and labels that shrink in samples, classes and values; a counterexample prints as the code that
 * rebuilds it. Equal networks turn up more often than chance would have it.
 */
export function logitBatch(options: LogitBatchOptions = {}): fc.Arbitrary<LogitBatch> {
  const { samples = 5, leastClasses = 2, classes = 8, largest = 6, degenerate = false } = options
  return fc
    .tuple(fc.integer({ min: 1, max: samples }), fc.integer({ min: leastClasses, max: classes }))
    .chain(([n, c]) => {
      const logits = degenerate ? anyRows(n, c, largest) : variedRows(n, c, largest)
      const labels = fc.array(fc.integer({ min: 0, max: c - 1 }), { minLength: n, maxLength: n })
      const pair = fc.oneof(
        { arbitrary: fc.tuple(logits, logits), weight: 5 },
        { arbitrary: logits.map((rows) => [rows, rows] as const), weight: 1 },
      )
      return fc.record({ pair, labels }).map(({ pair: [s, t], labels }) => ({
        student: { logits: tensor(s, [n, c]) },
        teacher: { logits: tensor(t, [n, c]) },
        labels: tensor(Int32Array.from(labels), [n]),
      }))
    })
}

/** `count` numbers: multiples of 2^-8, which float32 holds exactly and which print short. */
export function numbers(count: number, largest: number): fc.Arbitrary<number[]> {
  const steps = Math.floor(largest * 256)
  const logit = fc.integer({ min: -steps, max: steps }).map((k) => k / 256)
  return fc.array(logit, { minLength: count, maxLength: count })
}

/** Difference that every row and every column of `variedRows` spans: far more than a difference quotient moves. */
const SPAN = 0.5

/** n rows of c numbers, flat, none of them constant along either dim. */
function variedRows(n: number, c: number, largest: number): fc.Arbitrary<number[]> {
  const spans = (line: readonly number[]) => line.length < 2 || Math.max(...line) - Math.min(...line) >= SPAN
  return numbers(n * c, largest).filter(
    (flat) =>
      Array.from({ length: n }, (_, i) => flat.slice(i * c, (i + 1) * c)).every(spans) &&
      Array.from({ length: c }, (_, j) => flat.filter((_, k) => k % c === j)).every(spans),
  )
}

/** n rows of c numbers, flat: independent ones, or one row repeated, or constant rows, or all but constant ones. */
function anyRows(n: number, c: number, largest: number): fc.Arbitrary<number[]> {
  return fc.oneof(
    { arbitrary: numbers(n * c, largest), weight: 4 },
    { arbitrary: numbers(c, largest).map((row) => Array.from({ length: n }, () => row).flat()), weight: 1 },
    {
      arbitrary: numbers(n, largest).map((column) => column.flatMap((v) => Array<number>(c).fill(v))),
      weight: 1,
    },
    {
      arbitrary: fc
        .tuple(numbers(n * c, 1), fc.constantFrom(1e-3, 1e-5, 1e-7))
        .map(([flat, spread]) => flat.map((x) => 1 + x * spread)),
      weight: 1,
    },
  )
}
