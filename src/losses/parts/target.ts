import { where } from '../../ops/elementwise.ts'
import { cat } from '../../ops/indexing.ts'
import type { Tensor } from '../../tensor.ts'

/** The logit of what cannot be: exp gives exactly 0 in float32 too, and unlike -Infinity it is no NaN with itself. */
const NEVER = -1e30

/** Logits [N, C] counted from the largest that is not in `mask`, and `NEVER` where it is. */
function withoutMasked(mask: Tensor<'bool'>, logits: Tensor): { top: Tensor; others: Tensor } {
  const lowest = logits.detach().amin(1, true)
  const top = where(mask, lowest, logits.detach()).amax(1, true)
  return { top, others: where(mask, NEVER, logits.sub(top)) }
}

/** Log-probabilities [N, C] among the classes that are not in `mask`; even ones where all of them are. */
export const logSoftmaxWithout = (mask: Tensor<'bool'>, logits: Tensor): Tensor =>
  withoutMasked(mask, logits).others.logSoftmax(1)

/**
 * Log-probabilities: of the target and of all the rest together [N, 2], and of each class within the rest [N, C].
 *
 * All logits count from the largest of the rest, so that a target far above it does not cost the rest its digits. The
 * pair is normalised together: a rounding error of the odds then cancels in the divergence, to first order.
 */
export function decouple(logits: Tensor, isTarget: Tensor<'bool'>): { pair: Tensor; others: Tensor } {
  const { top, others } = withoutMasked(isTarget, logits)
  const target = where(isTarget, logits.sub(top), 0).sum(1, true)
  const rest = others.logSumExp(1, true)
  return {
    pair: cat([target, rest], 1).logSoftmax(1),
    others: where(isTarget, NEVER, others.sub(rest)),
  }
}
