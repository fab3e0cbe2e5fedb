import { where } from '../../ops/elementwise.ts'
import { full, type Tensor, tensor } from '../../tensor.ts'
import { defineLoss } from '../define.ts'
import { count, positive } from '../parameters.ts'
import { checkTemperature, meanScore, noiseContrast } from '../parts/noise-contrast.ts'
import { onlyLayer } from '../parts/only-layer.ts'
import { noRelation, samplesOf } from '../parts/samples.ts'
import { embeddingsOf } from '../parts/unit-embedding.ts'

/**
 * CRD-inbatch: CRD without a memory, for small data. Not the published method; see `crd` for that.
 *
 *     P_nm = exp( v_s,n · v_t,m / tau ) / Z,   v_s, v_t: embeddings of the pooled features, of length 1
 *     CRD-inbatch = - 2/N sum over n of [ log P_nn / (P_nn + c) + sum over m ≠ n of log K/N / (P_nm + c) ]
 *     K = N - 1,   c = K / N + 1e-7
 *
 * The negatives of a sample are the other samples of the batch, of its class or not, and the gradient flows into both
 * sides. The two directions of CRD see the same scores, hence the 2. Z is N times the mean score of the first batch of
 * more than one sample. 0 for a batch of one, which has no negatives.
 */
export const crdInBatch = defineLoss(
  'crdInBatch',
  {
    title: 'CRD-inbatch',
    paper:
      'after Tian, Krishnan, Isola: Contrastive Representation Distillation, ICLR 2020, arXiv:1910.10699',
    formula: 'noise-contrastive loss of each sample with the other samples of the batch as negatives',
    variant: 'not published: crd with the batch in place of the memory',
    defaults: {
      temperature: positive(0.07, 'as crd: RepDistiller, CIFAR-100'),
      dim: count(128, 'as crd: RepDistiller, CIFAR-100'),
    },
    layers: 'pooled',
    mix: { weight: 0.8, ce: 1 },
    adapters: ({ layers }, { dim }, random) =>
      embeddingsOf(samplesOf('crdInBatch', onlyLayer('crdInBatch', layers)), dim, random),
    state: (_, { temperature }) => {
      checkTemperature('crdInBatch', temperature)
      return { mean: full([], -1) }
    },
  },
  ({ layers: [pooled] }, { temperature }, own) => {
    const { student, teacher } = samplesOf('crdInBatch', pooled!)
    const { embedS, embedT } = own.adapters
    const n = student.shape[0]!
    if (n === 1) return noRelation(student)
    const all = embedS.forward(student).matmul(embedT.forward(teacher).transpose()).div(temperature)
    const counts = tensor(
      Float32Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 0 : 1)),
      [n, n],
    )
    const scores = { positive: all.diagonal(), all, counts, negatives: n - 1 }
    const mean = (before: Tensor) => where(before.lt(0), meanScore(scores), before)
    own.afterStep(own.state.mean, mean)
    return noiseContrast(scores, mean(own.state.mean).mul(n).log(), n).mul(2)
  },
)
