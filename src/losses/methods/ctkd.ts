import { gradientReversal } from '../../graph/derivatives.ts'
import { Linear } from '../../nn/layers/linear.ts'
import { Module } from '../../nn/module.ts'
import { cat } from '../../ops/indexing.ts'
import type { Random } from '../../random.ts'
import { type Tensor, tensor, zeros } from '../../tensor.ts'
import type { Progress } from '../batch.ts'
import { defineLoss } from '../define.ts'
import { choice, count, positive } from '../parameters.ts'
import { temperedDivergences } from '../parts/row-divergence.ts'

/**
 * Curriculum temperature. Li, Li, Yang, Zhao, Song, Luo, Li, Yang: Curriculum Temperature for Knowledge Distillation,
 * AAAI 2023, arXiv:2211.16231.
 *
 *     CTKD = 1/N sum_n T_n² KL(softmax(t_n / T_n) ‖ softmax(s_n / T_n)),   T = start + range · sigmoid(θ)
 *
 * θ, at first 1, is trained together with the student but against it: its gradient is turned round, times a factor λ that
 * grows with the epoch e as (1 - cos(π min(e / growthEpochs, 1))) / 2.
 *
 * - form 'global': one θ for all samples.
 * - form 'instance': θ of each sample, which a two-layer perceptron makes of the probabilities of teacher and student
 *   without a gradient to the student. Its last layer starts as 0, so that all samples start with the same θ.
 *
 * The temperature is a factor in the loss, not in the network: for inference nothing of it is needed.
 */
export const ctkd = defineLoss(
  'ctkd',
  {
    title: 'Curriculum temperature',
    paper:
      'Li, Li, Yang, Zhao, Song, Luo, Li, Yang: Curriculum Temperature for Knowledge Distillation, AAAI 2023, arXiv:2211.16231',
    formula:
      'T² KL(softmax(t / T) || softmax(s / T)), T = start + range sigmoid(θ), θ trained to make it larger',
    variant:
      "form 'global': the authors' code; form 'instance': the paper's, of which that code has no network: here 256 hidden units, T² per sample",
    defaults: {
      start: positive(1, "the authors' code"),
      range: positive(20, "the authors' code"),
      growthEpochs: count(10, "the authors' code"),
      form: choice('global', ['global', 'instance'], "the authors' code"),
      hidden: count(256, "this library: units of the perceptron of form 'instance'"),
    },
    needs: ['teacher', 'progress'],
    mix: { weight: 0.9, ce: 0.1 },
    adapters: ({ student }, { form, hidden }, random) => ({
      temperature:
        form === 'global' ? new GlobalTheta() : new InstanceTheta(student.logits.shape[1]!, hidden, random),
    }),
  },
  ({ student: { logits: s }, teacher: { logits: t }, progress }, { start, range, growthEpochs }, own) => {
    const { temperature } = own.adapters
    const theta = gradientReversal(temperature.forward(s, t), reversal(progress, growthEpochs))
    const T = theta.sigmoid().mul(range).add(start)
    const kl = temperedDivergences(t, s, T)
    return kl.mul(T.square().squeeze(1)).mean()
  },
)

/** How much of the gradient, turned round, reaches θ. */
const reversal = ({ epoch }: Progress, growthEpochs: number): number =>
  (1 - Math.cos(Math.PI * Math.min(epoch / growthEpochs, 1))) / 2

/** One θ for all samples, [1, 1]. */
class GlobalTheta extends Module {
  readonly theta: Tensor

  constructor() {
    super()
    this.theta = this.parameter('theta', tensor([1]))
  }

  forward(_student: Tensor, _teacher: Tensor): Tensor {
    return this.theta.reshape([1, 1])
  }
}

/** A θ for each sample, [N, 1], from logits [N, C] that get no gradient. */
class InstanceTheta extends Module {
  readonly hidden: Linear
  readonly weight: Tensor
  readonly theta: Tensor

  constructor(classes: number, hidden: number, random: Random) {
    super()
    this.hidden = this.child('hidden', new Linear(2 * classes, hidden, { random }))
    this.weight = this.parameter('weight', zeros([hidden, 1]))
    this.theta = this.parameter('theta', tensor([1]))
  }

  forward(student: Tensor, teacher: Tensor): Tensor {
    const both = cat([teacher.softmax(1), student.detach().softmax(1)], 1)
    return this.hidden.forward(both).relu().matmul(this.weight).add(this.theta)
  }
}
