import { defineLoss } from '../define.ts'
import { choice, positive } from '../parameters.ts'
import { divergence } from '../parts/divergence.ts'

/**
 * Teacher-free distillation by self-training. Yuan, Tay, Li, Wang, Feng: Revisiting Knowledge Distillation via Label
 * Smoothing Regularization, CVPR 2020, arXiv:1909.11723, eq. 8.
 *
 *     Tf-KD_self = T² KL(softmax(f / T) ‖ softmax(s / T))
 *
 * f [N, C] are the logits of the same network, trained before without a teacher.
 *
 * The published settings are tuned for the reduction 'mean', which divides by the number of classes too, and for a
 * multiplier m of their own: (1 - a) CE + a m KL. With 'batchmean', the default here, m becomes m / C; on CIFAR-100:
 *
 * | network                   | T  | a    | m  | weight, 'mean' | weight, 'batchmean' | weight of CE |
 * |---------------------------|----|------|----|----------------|---------------------|--------------|
 * | ResNet18 (default)        | 6  | 0.95 | 50 | 47.5           | 0.475               | 0.05         |
 * | MobileNetV2, ShuffleNetV2 | 20 | 0.95 | 1  | 0.95           | 0.0095              | 0.05         |
 */
export const tfkd = defineLoss(
  'tfkd',
  {
    title: 'Teacher-free distillation, self-training',
    paper:
      'Yuan, Tay, Li, Wang, Feng: Revisiting Knowledge Distillation via Label Smoothing Regularization, CVPR 2020, arXiv:1909.11723',
    formula: 'T² KL(softmax(f / T) || softmax(s / T)), f: the same network, trained before',
    variant:
      "the authors' code divides by the number of classes too (reduction 'mean'); the weights are its ResNet18's for 'batchmean' and 100 classes: 0.95 · 50 / 100 and 0.05. With 'mean' they are 47.5 and 0.05",
    defaults: {
      temperature: positive(6, "the authors' code, ResNet18 on CIFAR-100 (20 for MobileNetV2)"),
      reduction: choice(
        'batchmean',
        ['batchmean', 'mean'],
        "the divergence itself; the authors' code has 'mean'",
      ),
    },
    needs: ['formerSelf'],
    mix: { weight: 0.475, ce: 0.05 },
  },
  ({ student, formerSelf }, { temperature: T, reduction }) =>
    divergence(formerSelf.logits, student.logits, T, reduction),
)
