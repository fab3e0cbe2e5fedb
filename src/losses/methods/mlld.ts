import { crossEntropy } from '../../ops/loss.ts'
import type { Tensor } from '../../tensor.ts'
import { defineLoss } from '../define.ts'
import { choice, nonNegative, positive } from '../parameters.ts'
import { batchCorrelation, classCorrelation } from '../parts/correlations.ts'
import { temperedDivergences } from '../parts/row-divergence.ts'
import { sumOf } from '../parts/sums.ts'

/**
 * Multi-level logit distillation. Jin, Wang, Lin: Multi-Level Logit Distillation, CVPR 2023.
 *
 *     MLLD = sum over temperatures τ of ( 0.9 instance + 0.9 class + 0.9 batch ) + 0.1 CE(strong student, y)
 *
 *     instance: τ² KL(p ‖ q) of each sample, mean    p = softmax(t / τ),  q = softmax(s / τ)
 *     class:    1/C |qᵀ q - pᵀ p|²                   batch:  1/N |q qᵀ - p pᵀ|²
 *
 * `student` and `teacher` are the weakly augmented view, `view` the strongly augmented one; τ is T, 3, 5, 2, 6. The terms
 * of the weak view count the samples (instance, batch) of which the teacher is not surer than of the median sample, and
 * the classes that have not more of its probability than the median class. The cross-entropy of the weak view is that of
 * the trainer; the strong one's is part of the loss.
 *
 * - form 'published': a training step as the authors' code does it. Each mask meets a term that is summed up already, so
 *   that it scales by the share of samples or classes that it keeps; the strong view has instance terms at T, 3 and 5 only;
 *   for 2 and 6 there are those of the weak view once more, without mask.
 * - form 'meant': masks pick samples and classes, and the strong view has all terms at all temperatures, without mask.
 */
export const mlld = defineLoss(
  'mlld',
  {
    title: 'Multi-level logit distillation',
    paper: 'Jin, Wang, Lin: Multi-Level Logit Distillation, CVPR 2023',
    formula:
      'weighted sum over T, 3, 5, 2, 6 and two views of τ² KL, |qᵀq - pᵀp|² / C, |qqᵀ - ppᵀ|² / N, + strongCe CE(strong)',
    variant:
      "form 'published': the authors' code, quirks included; form 'meant': masks pick samples and classes, all terms of the strong view. The authors halve the learning rate that others have",
    defaults: {
      temperature: positive(4, "the authors' code, CIFAR-100"),
      instanceWeight: nonNegative(0.9, "the authors' code, CIFAR-100: KD_WEIGHT"),
      classWeight: nonNegative(0.9, "the authors' code, CIFAR-100: KD_WEIGHT"),
      batchWeight: nonNegative(0.9, "the authors' code, CIFAR-100: KD_WEIGHT"),
      strongCe: nonNegative(0.1, "the authors' code, CIFAR-100: the strong view's cross-entropy"),
      form: choice('published', ['published', 'meant'], "the authors' code"),
    },
    needs: ['teacher', 'labels', 'view'],
    strongView: true,
    mix: { weight: 1, ce: 0.1 },
  },
  ({ student, teacher, view, labels }, { temperature, form, ...weights }) => {
    const weak: Pair = { s: student.logits, t: teacher.logits }
    const strong: Pair = { s: view.student.logits, t: view.teacher!.logits }
    const temperatures = [temperature, ...OTHERS]
    const levels =
      form === 'published' ? published(weak, strong, temperatures) : meant(weak, strong, temperatures)
    return sumOf([
      levels.instance.mul(weights.instanceWeight),
      levels.classes.mul(weights.classWeight),
      levels.batch.mul(weights.batchWeight),
      crossEntropy(strong.s, labels).mul(weights.strongCe),
    ])
  },
)

/** The temperatures beside T, in the order of the authors' code. */
const OTHERS = [3, 5, 2, 6]

/** Logits [N, C] of the student and the teacher for one view. */
interface Pair {
  readonly s: Tensor
  readonly t: Tensor
}

/** The three parts of the loss before their weights. */
type Levels = Readonly<Record<'instance' | 'classes' | 'batch', Tensor>>

function published(weak: Pair, strong: Pair, temperatures: readonly number[]): Levels {
  const { samples, classes } = unsure(weak.t)
  const over = (term: (T: number, i: number) => Tensor) => sumOf(temperatures.map(term))
  return {
    instance: over((T) => instance(weak, T).mean())
      .mul(samples.mean())
      .add(over((T, i) => instance(i < 3 ? strong : weak, T).mean())),
    classes: over((T) => classCorrelation(weak.s, weak.t, T).sum()).mul(classes.mean()),
    batch: over((T) => batchCorrelation(weak.s, weak.t, T).sum()).mul(samples.mean()),
  }
}

function meant(weak: Pair, strong: Pair, temperatures: readonly number[]): Levels {
  const { samples, classes } = unsure(weak.t)
  const over = (term: (T: number) => Tensor) => sumOf(temperatures.map(term))
  return {
    instance: over((T) => instance(weak, T).mul(samples).add(instance(strong, T)).mean()),
    classes: over((T) =>
      classCorrelation(weak.s, weak.t, T)
        .mul(classes)
        .add(classCorrelation(strong.s, strong.t, T))
        .sum(),
    ),
    batch: over((T) =>
      batchCorrelation(weak.s, weak.t, T)
        .mul(samples)
        .add(batchCorrelation(strong.s, strong.t, T))
        .sum(),
    ),
  }
}

/** T² KL of each sample, [N]. */
const instance = ({ s, t }: Pair, T: number): Tensor => temperedDivergences(t, s, T).mul(T * T)

/** 1 for the samples [N] of which the teacher is not surer, and the classes [C] that have not more of it, than the median. */
function unsure(teacher: Tensor): { samples: Tensor; classes: Tensor } {
  const p = teacher.softmax(1)
  // Not above the median is not above the lower one of the two in the middle.
  const low = (x: Tensor) => x.le(x.sort(0).values.select(0, Math.floor((x.size - 1) / 2))).toFloat()
  return { samples: low(p.amax(1)), classes: low(p.sum(0)) }
}
