import { klDiv } from '../../ops/loss.ts'
import type { Tensor } from '../../tensor.ts'

/** KL(p ‖ q) of each row, [N], from log-probabilities [N, C]: the teacher's, log p, and the student's, log q. */
export const rowDivergences = (teacher: Tensor, student: Tensor): Tensor =>
  klDiv(student, teacher, { reduction: 'none', logTarget: true }).sum(1)

/** KL(softmax(t / T) ‖ softmax(s / T)) of each row of logits [N, C], [N]; T may be a tensor that broadcasts. */
export const temperedDivergences = (teacher: Tensor, student: Tensor, T: Tensor | number): Tensor =>
  rowDivergences(teacher.div(T).logSoftmax(1), student.div(T).logSoftmax(1))
