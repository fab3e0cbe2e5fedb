import { uniform } from '../../nn/init.ts'
import { full } from '../../tensor.ts'
import { defineLoss } from '../define.ts'
import { choice, count, positive, share } from '../parameters.ts'
import { contrast } from '../parts/contrast-memory.ts'
import { ContrastSampler } from '../parts/contrast-sampler.ts'
import { checkTemperature } from '../parts/noise-contrast.ts'
import { onlyLayer } from '../parts/only-layer.ts'
import { samplesOf } from '../parts/samples.ts'
import { embeddingsOf } from '../parts/unit-embedding.ts'

/**
 * Contrastive representation distillation. Tian, Krishnan, Isola: Contrastive Representation Distillation, ICLR 2020,
 * arXiv:1910.10699; two-sided and normalised as in the authors' code, RepDistiller.
 *
 *     v_s, v_t = embeddings of the pooled features [N, D_s], [N, D_t], of length 1
 *     P = exp( v_s · M_t[i] / tau ) / Z   for i = the positive, then K negatives;   c = K / R + 1e-7
 *     L_s = - 1/N sum over samples of [ log P_0 / (P_0 + c) + sum over k of log (K / R) / (P_k + c) ]
 *     CRD = L_s + L_t,   L_t with v_t and M_s in the same way
 *
 * M_s, M_t [R, dim] remember the embeddings of all R samples of the training set: after a step those of the batch move
 * to momentum M + (1 - momentum) v and back to length 1. Z is R times the mean score of the first batch and stays. Both
 * embeddings are trained. K enters the loss as a constant, so the value depends on it.
 *
 * A step takes N R dim multiplications a side, whatever K is, and room for N R numbers.
 */
export const crd = defineLoss(
  'crd',
  {
    title: 'Contrastive representation distillation',
    paper: 'Tian, Krishnan, Isola: Contrastive Representation Distillation, ICLR 2020, arXiv:1910.10699',
    formula: 'noise-contrastive loss of each embedding with its positive and K negatives in the other memory',
    variant:
      "the authors' code: both directions and a constant Z; an embedding of length 0 stays 0 where the code has NaN",
    defaults: {
      negatives: count(16384, 'RepDistiller, CIFAR-100; no more than there are samples'),
      temperature: positive(0.07, 'RepDistiller, CIFAR-100'),
      momentum: share(0.5, 'RepDistiller, CIFAR-100'),
      dim: count(128, 'RepDistiller, CIFAR-100'),
      mode: choice('exact', ['exact', 'relax'], 'RepDistiller, CIFAR-100'),
      sampling: choice('other classes', ['other classes', 'alias'], "RepDistiller's data sets"),
    },
    needs: ['teacher', 'index', 'trainingSet', 'progress'],
    layers: 'pooled',
    mix: { weight: 0.8, ce: 1 },
    adapters: ({ layers, trainingSet }, { dim, negatives, mode, sampling }, random) => ({
      ...embeddingsOf(samplesOf('crd', onlyLayer('crd', layers)), dim, random),
      sampler: new ContrastSampler('crd', trainingSet, {
        negatives,
        mode,
        sampling,
        random: random.fork('negatives'),
      }),
    }),
    state: ({ trainingSet: { size } }, { dim, temperature }, random) => {
      checkTemperature('crd', temperature)
      const memory = (name: string) => uniform(random.fork(name), [size, dim], Math.sqrt(3 / dim))
      return { memoryS: memory('memoryS'), memoryT: memory('memoryT'), zS: full([], -1), zT: full([], -1) }
    },
  },
  ({ layers: [pooled], index, progress: { step } }, { temperature, momentum }, own) => {
    const { student, teacher } = samplesOf('crd', pooled!)
    const { embedS, embedT, sampler } = own.adapters
    const { sLoss, tLoss, next } = contrast(embedS.forward(student), embedT.forward(teacher), own.state, {
      index,
      contrastIndex: sampler.draw(index, step),
      temperature,
      momentum,
    })
    for (const name of ['memoryS', 'memoryT', 'zS', 'zT'] as const) own.afterStep(own.state[name], next[name])
    return sLoss.add(tLoss)
  },
)
