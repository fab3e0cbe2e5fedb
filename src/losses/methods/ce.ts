import { crossEntropy } from '../../ops/loss.ts'
import { defineLoss } from '../define.ts'

/**
 * Cross-entropy with the labels: what a student learns without a teacher. Labels are class numbers [N] or soft
 * targets [N, C].
 *
 *     CE = -1/N sum_n log softmax(s_n)[y_n]
 */
export const ce = defineLoss(
  'ce',
  {
    title: 'Cross-entropy',
    formula: 'mean over n of -log softmax(s)[y]',
    needs: ['labels'],
    mix: { weight: 1, ce: 0 },
  },
  ({ student, labels }) => crossEntropy(student.logits, labels),
)
