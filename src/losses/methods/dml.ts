import { crossEntropy } from '../../ops/loss.ts'
import { defineLoss } from '../define.ts'
import { positive } from '../parameters.ts'
import { divergence } from '../parts/divergence.ts'

/**
 * Deep mutual learning. Zhang, Xiang, Hospedales, Lu: Deep Mutual Learning, CVPR 2018, arXiv:1706.00384, for two networks.
 *
 *     DML = T² KL(sg(q) ‖ p) + CE(peer) + T² KL(sg(p) ‖ q),   p = softmax(s / T),  q = softmax(peer / T)
 *
 * sg stops the gradient: each network learns from the other as from a teacher. Beside the student's cross-entropy this is
 * the sum of both networks' objectives, so that one step of one optimiser trains both, each on what the other said before
 * the step. The published code lets them take turns and computes each network's targets after the other one has moved.
 */
export const dml = defineLoss(
  'dml',
  {
    title: 'Deep mutual learning',
    paper: 'Zhang, Xiang, Hospedales, Lu: Deep Mutual Learning, CVPR 2018, arXiv:1706.00384',
    formula:
      'T² KL(q || s) + CE(peer) + T² KL(p || peer), p, q: the predictions of student and peer, detached',
    variant: 'two networks, one joint step; the published code updates them in turn',
    defaults: { temperature: positive(1, 'paper, which has no temperature') },
    needs: ['labels', 'peer'],
    mix: { weight: 1, ce: 1 },
  },
  ({ student, peer, labels }, { temperature: T }) =>
    divergence(peer.logits.detach(), student.logits, T)
      .add(crossEntropy(peer.logits, labels))
      .add(divergence(student.logits.detach(), peer.logits, T)),
)
