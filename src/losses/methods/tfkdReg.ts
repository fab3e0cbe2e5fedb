import { scatterMask } from '../../ops/indexing.ts'
import { defineLoss } from '../define.ts'
import { choice, positive } from '../parameters.ts'
import { divergence } from '../parts/divergence.ts'
import { classOf } from '../parts/labels.ts'

/** What the virtual teacher gives the label; the other classes share the rest evenly. */
const SURE = 0.99

/**
 * Teacher-free distillation from a virtual teacher. Yuan, Tay, Li, Wang, Feng: Revisiting Knowledge Distillation via Label
 * Smoothing Regularization, CVPR 2020, arXiv:1909.11723, eq. 9 and 10.
 *
 *     u = 0.99 for the label, 0.01 / (C - 1) for each other class
 *     published:  Tf-KD_reg = KL(softmax(u / T) ‖ softmax(s))
 *     meant:      Tf-KD_reg = KL(softmax(log u / T) ‖ softmax(s / T))
 *
 * The published code takes the softmax of probabilities: at T 20 the label is worth 1.05 times another class, and all
 * that is left is a pull to even predictions. `meant` softens u as one softens a teacher; at T 1 that is u itself, and the
 * gradient is that of label smoothing. There is no factor T² in either.
 *
 * The published weights (0.9 CE + 0.1 · 100 KL for ResNet18 on CIFAR-100) are for the reduction 'mean', which divides by
 * the 100 classes too: here the mean is over the batch, and the multiplier 100 is gone. Of soft labels the largest counts.
 */
export const tfkdReg = defineLoss(
  'tfkdReg',
  {
    title: 'Teacher-free distillation, virtual teacher',
    paper:
      'Yuan, Tay, Li, Wang, Feng: Revisiting Knowledge Distillation via Label Smoothing Regularization, CVPR 2020, arXiv:1909.11723',
    formula:
      'KL(softmax(u / T) || softmax(s)), u: 0.99 for the label, the rest even; meant: KL(softmax(log u / T) || softmax(s / T))',
    variant:
      "form 'published': the authors' code, the softmax of probabilities; form 'meant': the paper, u softened as a distribution. The mean over the batch, where the code divides by the number of classes and multiplies by 100",
    defaults: {
      temperature: positive(20, "the authors' code, ResNet18 on CIFAR-100 (40 for MobileNetV2)"),
      form: choice('published', ['published', 'meant'], "the authors' code"),
    },
    needs: ['labels'],
    mix: { weight: 0.1, ce: 0.9 },
  },
  ({ student: { logits }, labels }, { temperature: T, form }) => {
    const classes = logits.shape[1]!
    // With one class there is no other to share the rest, and any number will do.
    const other = (1 - SURE) / Math.max(classes - 1, 1)
    const isLabel = scatterMask(classOf(labels), classes).toFloat()
    return form === 'published'
      ? divergence(isLabel.mul((SURE - other) / T), logits)
      : divergence(isLabel.mul(Math.log(SURE / other)), logits, T).div(T * T)
  },
)
