import { expect, test } from 'vitest'
import { defineOp } from '../src/graph/define.ts'
import { crossEntropy, klDiv, softmax, type Tensor, tensor, where } from '../src/index.ts'
import { defineLoss, dkd, kldiv } from '../src/losses/index.ts'

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
}

test('values come back in the type that their kind has', async () => {
  const numbers: Float32Array | Float64Array = await logits.data()
  const indices: Int32Array = await labels.data()
  const bits: Uint8Array = await mask.data()
  expect([numbers.length, indices.length, bits.length]).toEqual([4, 2, 4])
})
