import { klDiv } from '../../ops/loss.ts'
import type { Tensor } from '../../tensor.ts'

/**
 * T² KL(softmax(t / T) ‖ softmax(s / T)) of logits [N, C], mean over the batch; `reduction` 'mean' divides by the number
 * of classes too.
 */
export const divergence = (
  teacher: Tensor,
  student: Tensor,
  T = 1,
  reduction: 'batchmean' | 'mean' = 'batchmean',
): Tensor =>
  klDiv(student.div(T).logSoftmax(1), teacher.div(T).logSoftmax(1), { reduction, logTarget: true }).mul(T * T)
