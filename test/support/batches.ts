import fc from 'fast-check'
import type { Side } from '../../src/losses/index.ts'
import { type Tensor, tensor } from '../../src/tensor.ts'

/** Student, teacher and class numbers of one batch; prints as the code that rebuilds it. */
export interface LogitBatch {
  readonly student: Side
  readonly teacher: Side
  readonly labels: Tensor<'int'>
  readonly n: number
  readonly c: number
  toString(): string
}

type Rows = readonly (readonly number[])[]

export function batchOf(student: Rows, teacher: Rows, labels: readonly number[]): LogitBatch {
  const [s, t, y] = [tensor(student), tensor(teacher), tensor(Int32Array.from(labels))]
  return {
    student: { logits: s },
    teacher: { logits: t },
    labels: y,
    n: student.length,
    c: student[0]!.length,
    toString: () => `{ student: { logits: ${s} }, teacher: { logits: ${t} }, labels: ${y} }`,
  }
}

/** Multiples of 2^-10, which float32 holds exactly too. */
const logit = (most: number) => fc.integer({ min: -most * 1024, max: most * 1024 }).map((k) => k / 1024)

const row = (c: number, most: number) => fc.array(logit(most), { minLength: c, maxLength: c })

const rows = (n: number, one: fc.Arbitrary<number[]>) => fc.array(one, { minLength: n, maxLength: n })

const labelsOf = (n: number, c: number) =>
  fc.array(fc.integer({ min: 0, max: c - 1 }), { minLength: n, maxLength: n })

/** Batches of ordinary logits, within ±5. */
export const logitBatch = ({ most = 5, leastSamples = 1, mostSamples = 5, leastClasses = 2 } = {}) =>
  fc
    .tuple(fc.integer({ min: leastSamples, max: mostSamples }), fc.integer({ min: leastClasses, max: 9 }))
    .chain(([n, c]) =>
      fc
        .tuple(rows(n, row(c, most)), rows(n, row(c, most)), labelsOf(n, c))
        .map((parts) => batchOf(...parts)),
    )

/**
 * Batches of everything that has broken published code: logits to ±1e4, one class above all others, constant rows,
 * equal samples, a student that equals its teacher, one sample, 1, 2 and 1,000 classes.
 */
export const extremeBatch = () =>
  fc
    .tuple(fc.constantFrom(1, 2, 5), fc.constantFrom(1, 2, 3, 10, 1000))
    .chain(([n, c]) =>
      fc
        .tuple(extremeRows(n, c), extremeRows(n, c), fc.boolean(), labelsOf(n, c))
        .map(([student, teacher, same, labels]) => batchOf(student, same ? student : teacher, labels)),
    )

function extremeRows(n: number, c: number): fc.Arbitrary<number[][]> {
  const size = fc.constantFrom(0, 1, 100, 800, 1e4)
  const one = fc.oneof(
    row(c, 1e4),
    row(c, 5),
    size.map((x) => new Array<number>(c).fill(x)),
    fc.tuple(size, fc.integer({ min: 0, max: c - 1 }), fc.boolean()).map(([x, at, down]) => {
      const line = new Array<number>(c).fill(0)
      line[at] = down ? -x : x
      return line
    }),
  )
  return fc.oneof(
    rows(n, one),
    one.map((line) => Array.from({ length: n }, () => [...line])),
  )
}
