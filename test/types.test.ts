import { expect, test } from 'vitest'
import { defineOp } from '../src/graph/define.ts'
import { crossEntropy, klDiv, softmax, type Tensor, tensor, where } from '../src/index.ts'
import { at, defineLoss, dkd, kldiv, pskd, real } from '../src/losses/index.ts'
import { Linear } from '../src/nn/index.ts'
import { Random } from '../src/random.ts'

// Checked by `tsc` (npm test begins with it): each `@ts-expect-error` is itself an error once its line compiles.

const logits = tensor([
  [1, 2],
  [3, 4],
])
const labels = tensor(Int32Array.of(0, 1))
const mask = tensor([
  [true, false],
  [false, true],
])

const trainingSet = { size: 2, classes: 2, labels: Int32Array.of(0, 1) }
const progress = { epoch: 1, epochs: 1, step: 0 }
const map = new Linear(2, 2, { random: new Random(0) })

/** Never called: these lines are for the compiler. */
export function refused(): void {
  // Labels and masks where numbers belong.
  // @ts-expect-error labels are no logits
  softmax(labels, 0)
  // @ts-expect-error a mask has no exponential
  mask.exp()
  // @ts-expect-error labels cannot be added to numbers
  logits.add(labels)
  // @ts-expect-error numbers are no mask
  where(logits, 1, 0)
  // @ts-expect-error numbers are no index
  logits.gather(1, logits)
  // @ts-expect-error probabilities, not a mask
  klDiv(logits, mask)
  // @ts-expect-error the logits come first
  crossEntropy(labels, logits)

  // Wrong arities.
  // @ts-expect-error softmax needs its dim
  softmax(logits)
  // @ts-expect-error two tensors at most
  logits.matmul(logits, logits)
  // @ts-expect-error nothing to compare with
  logits.gt()

  // An operation without a gradient, or with one too few.
  const shape = ([a]: readonly [readonly number[], readonly number[]]) => a
  const samples = () => ({ inputs: [] })
  // @ts-expect-error vjp is missing: say null where there is no derivative
  defineOp<[Tensor, Tensor]>('typesMissing', { shape, forward: { expr: 'a' }, samples })
  defineOp<[Tensor, Tensor]>('typesShort', {
    shape,
    forward: { expr: 'a' },
    // @ts-expect-error one gradient for two inputs
    vjp: (g) => [g],
    samples,
  })

  // Losses.
  const side = { logits }
  // @ts-expect-error dkd needs labels
  dkd({ student: side, teacher: side })
  // @ts-expect-error there is no parameter beta
  kldiv({ student: side, teacher: side }, { beta: 1 })
  // @ts-expect-error the formula must give a tensor
  defineLoss('typesLoss', {}, () => 1)
  // @ts-expect-error at's form is 'code' or 'paper'
  at({ student: side, teacher: side }, { form: 'both' })
  // @ts-expect-error the index is an int tensor
  pskd.prepare({ student: side, labels, index: logits, trainingSet, progress })
  const own = { needs: ['labels'] as const, adapters: () => ({ map }) }
  // @ts-expect-error it asked for labels, so there may be no teacher
  defineLoss('typesNeeds', own, ({ teacher }) => teacher.logits.mean())
  // @ts-expect-error it has no adapter of that name
  defineLoss('typesAdapters', own, (_, __, { adapters }) => adapters.mop.weight.mean())
  // @ts-expect-error it has no parameter of that name
  defineLoss('typesDefaults', { defaults: { p: real(1, 'here') } }, ({ student }, { q }) =>
    student.logits.mul(q),
  )
}

test('values come back in the type that their kind has', async () => {
  const numbers: Float32Array | Float64Array = await logits.data()
  const indices: Int32Array = await labels.data()
  const bits: Uint8Array = await mask.data()
  expect([numbers.length, indices.length, bits.length]).toEqual([4, 2, 4])
})
