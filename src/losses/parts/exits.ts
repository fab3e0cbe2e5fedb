import { where } from '../../ops/elementwise.ts'
import { crossEntropy } from '../../ops/loss.ts'
import { type Tensor, zeros } from '../../tensor.ts'
import type { Labels } from '../batch.ts'
import { rowDivergences } from './row-divergence.ts'
import { sumOf } from './sums.ts'

/** What a network says at one depth. */
export interface Exit {
  /** [N, C] */
  readonly logits: Tensor
  /** [N, ...], of one shape for all exits that are compared. */
  readonly feature: Tensor
}

export interface ExitSettings {
  readonly variant: 'masked' | 'journal' | 'paper'
  /** Share of the distillation at the exits; the rest is the labels'. */
  readonly alpha: number
  /** Weight of the features. */
  readonly beta: number
  readonly temperature: number
}

/** BYOT's loss and its three parts, before alpha and beta but with T². */
export interface ExitLoss {
  readonly loss: Tensor
  /** Cross-entropies with the labels; in all variants but 'masked' those of shallow exits count 1 - alpha here. */
  readonly ce: Tensor
  readonly kd: Tensor
  readonly hint: Tensor
}

/**
 * Be Your Own Teacher on exits, shallow to deep: the shallow ones learn from the labels and from the deepest one, which is
 * a constant wherever it teaches.
 *
 *     masked:   (1 - alpha) (CE(d) + sum CE(k)) + alpha T² sum soft(k) + beta sum of (F_k - F_d)² where F_k or F_d > 0
 *     journal:  CE(d) + sum [ (1 - alpha) CE(k) + alpha soft(k) ] + beta sum |F_k - F_d|, without the last shallow k
 *     paper:    CE(d) + sum [ (1 - alpha) CE(k) + alpha KL(k) + beta sum of (F_k - F_d)² ]
 *
 * soft(k): cross-entropy of softmax(k / T) with softmax(d / T), KL(k) the same less the teacher's entropy.
 */
export function exitLoss(
  deepest: Exit,
  shallow: readonly Exit[],
  labels: Labels,
  { variant, alpha, beta, temperature }: ExitSettings,
): ExitLoss {
  const teacher = deepest.logits.detach().div(temperature)
  const target = deepest.feature.detach()
  const hard = ({ logits }: Exit) => crossEntropy(logits, labels)
  const tempered = ({ logits }: Exit) => logits.div(temperature)
  const over = (term: (exit: Exit) => Tensor, exits = shallow) =>
    exits.length === 0 ? zeros([]) : sumOf(exits.map(term))

  const labelled = over(hard)
  const soft = (exit: Exit) => crossEntropy(tempered(exit), teacher.softmax(1))
  const squares = ({ feature }: Exit) => feature.sub(target).square()
  if (variant === 'masked') {
    const active = ({ feature }: Exit) => feature.maximum(target).gt(0)
    const ce = hard(deepest).add(labelled)
    const kd = over(soft).mul(temperature ** 2)
    const hint = over((exit) => where(active(exit), squares(exit), 0).sum())
    return {
      loss: ce
        .mul(1 - alpha)
        .add(kd.mul(alpha))
        .add(hint.mul(beta)),
      ce,
      kd,
      hint,
    }
  }
  const divergence = (exit: Exit) =>
    rowDivergences(teacher.logSoftmax(1), tempered(exit).logSoftmax(1)).mean()
  const ce = hard(deepest).add(labelled.mul(1 - alpha))
  const [kd, hint] =
    variant === 'paper'
      ? [over(divergence), over((exit) => squares(exit).sum())]
      : [over(soft), over(({ feature }) => feature.sub(target).norm(), shallow.slice(0, -1))]
  return { loss: ce.add(kd.mul(alpha)).add(hint.mul(beta)), ce, kd, hint }
}
