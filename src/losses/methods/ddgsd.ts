import { crossEntropy } from '../../ops/loss.ts'
import { defineLoss } from '../define.ts'
import { layersOf } from '../layers.ts'
import { nonNegative, positive } from '../parameters.ts'
import { divergence } from '../parts/divergence.ts'
import { sumOf } from '../parts/sums.ts'

/**
 * Data-distortion guided self-distillation. Xu, Liu: Data-Distortion Guided Self-Distillation for Deep Neural Networks,
 * AAAI 2019. The student sees two views of each sample, with logits a, b [N, C] and pooled features f_a, f_b [N, D]:
 *
 *     DDGSD = (CE(a) + CE(b)) / 2 + T² ( KL(sg(p_b) ‖ p_a) + KL(sg(p_a) ‖ p_b) ) + mmd |mean(f_a) - mean(f_b)|²
 *     p = softmax(logits / T),  mean over the batch,  sg stops the gradient
 *
 * Holds the cross-entropy of both views and needs no teacher. Other features may be named by `layers`; their terms add up.
 *
 * There is no code by the authors. Each view is a pass of its own, whose batch normalisation sees it alone; Self-KD-Lib
 * passes both as one batch. It detaches both targets as here, but halves the cross-entropy once more and
 * takes the mean of f over features as well, so that only one number per view is compared; its T is 4.
 */
export const ddgsd = defineLoss(
  'ddgsd',
  {
    title: 'Data-distortion guided self-distillation',
    paper: 'Xu, Liu: Data-Distortion Guided Self-Distillation for Deep Neural Networks, AAAI 2019',
    formula:
      '(CE(a) + CE(b)) / 2 + T² (KL(p_b || p_a) + KL(p_a || p_b)) + mmd |mean(f_a) - mean(f_b)|², a, b: two views, targets detached',
    variant:
      'the paper: batch means feature by feature; Self-KD-Lib compares their mean over all features, and halves the cross-entropy once more',
    defaults: {
      temperature: positive(3, 'paper (Self-KD-Lib: 4)'),
      mmd: nonNegative(5e-4, 'paper and Self-KD-Lib'),
    },
    needs: ['labels', 'view'],
    layers: 'pooled',
    mix: { weight: 1, ce: 0 },
  },
  ({ student, view, labels, layers }, { temperature: T, mmd, layers: named = 'auto' }) => {
    const [a, b] = [student.logits, view.student.logits]
    const others = layersOf('ddgsd', 'pooled', named, view.student, undefined)
    const apart = layers.map((layer, i) =>
      layer.student.mean(0).sub(others[i]!.student.mean(0)).square().sum(),
    )
    return crossEntropy(a, labels)
      .add(crossEntropy(b, labels))
      .div(2)
      .add(divergence(b.detach(), a, T))
      .add(divergence(a.detach(), b, T))
      .add(sumOf(apart).mul(mmd))
  },
)
