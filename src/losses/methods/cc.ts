import { ShapeError, show, ValueError } from '../../errors.ts'
import { Linear } from '../../nn/layers/linear.ts'
import { scalar, type Tensor } from '../../tensor.ts'
import { defineLoss } from '../define.ts'
import type { Layer } from '../layers.ts'
import { choice, count, flag, positive, type ValuesOf } from '../parameters.ts'
import { gram } from '../parts/gram.ts'
import { noRelation, samplesOf } from '../parts/samples.ts'
import { sumOf } from '../parts/sums.ts'
import { unit } from '../parts/unit.ts'

const defaults = {
  kernel: choice('rbf', ['rbf', 'rbf-exact', 'bilinear', 'mmd', 'neighbour'], 'paper and KD-Zoo'),
  gamma: positive(0.4, 'paper and KD-Zoo'),
  order: count(2, 'paper and KD-Zoo'),
  normalize: flag(true, 'paper and KD-Zoo'),
  embedding: choice(
    'auto',
    ['auto', 'linear', 'none'],
    "as published: none in KD-Zoo's rbf, linear in RepDistiller's neighbour form",
  ),
  dim: count(128, 'paper and RepDistiller'),
}

type Params = ValuesOf<typeof defaults>

/**
 * Correlation congruence. Peng, Jin, Liu, Zhou, Wu, Liu, Li, Zhang: Correlation Congruence for Knowledge Distillation,
 * ICCV 2019, arXiv:1904.01802.
 *
 *     CC = 1 / N² · sum over i, j of ( k(s_i, s_j) - k(t_i, t_j) )²
 *
 *     'rbf'        k(x, y) = exp(-2 gamma) · sum over p = 0 .. order of (2 gamma)^p / p! · (x · y)^p
 *     'rbf-exact'  k(x, y) = exp(2 gamma (x · y - 1)) = exp(-gamma |x - y|²), without the series
 *     'bilinear'   k(x, y) = x · y
 *     'mmd'        k(x, y) = | mean of x - mean of y |
 *     'neighbour'  another loss: mean over i of d_i · d_{i + 1},  d_i = |s_i - t_i| by component
 *
 * Features of any shape are flattened. For 'rbf', 'rbf-exact' and 'bilinear' every row is divided by its length first;
 * with `normalize` false 'bilinear' takes the rows as they are, and an rbf is refused: its series is for unit vectors.
 * `embedding` 'linear' takes both sides to `dim` components by a layer each, trained with the student and dropped for
 * inference; 'auto' is what each kernel is published with. Only 'neighbour' compares components, and so needs equal
 * widths where there is no embedding.
 *
 * The weight 100 is KD-Zoo's for 'rbf'. RepDistiller has 0.02 for 'neighbour', which is not the paper's formula: it
 * punishes errors that neighbours in the batch share, and two trained embeddings can shrink to 0. One sample gives 0.
 */
export const cc = defineLoss(
  'cc',
  {
    title: 'Correlation congruence',
    paper:
      'Peng, Jin, Liu, Zhou, Wu, Liu, Li, Zhang: Correlation Congruence for Knowledge Distillation, ICCV 2019, arXiv:1904.01802',
    formula:
      'mean over pairs of (k(s_i, s_j) - k(t_i, t_j))², k: rbf by its series, exact rbf, bilinear or mmd',
    variant:
      "kernel 'rbf': paper and KD-Zoo, weight 100; 'neighbour': RepDistiller's mean of |s_i - t_i| · |s_{i+1} - t_{i+1}|, weight 0.02",
    defaults,
    layers: 'pooled',
    mix: { weight: 100, ce: 1 },
    adapters: ({ layers }, params, random): Readonly<Record<string, Linear>> => {
      if (!embeds(params)) return {}
      const embedding = (name: string, x: Tensor) =>
        [name, new Linear(x.shape[1]!, params.dim, { random: random.fork(name) })] as const
      return Object.fromEntries(
        layers.flatMap((layer, i) => {
          const { student, teacher } = samplesOf('cc', layer)
          return [embedding(`student${i + 1}`, student), embedding(`teacher${i + 1}`, teacher)]
        }),
      )
    },
  },
  ({ layers }, params, { adapters }) =>
    sumOf(
      layers.map((layer, i) => {
        const flat = samplesOf('cc', layer)
        const student = adapters[`student${i + 1}`]?.forward(flat.student) ?? flat.student
        const teacher = adapters[`teacher${i + 1}`]?.forward(flat.teacher) ?? flat.teacher
        const apart =
          params.kernel === 'neighbour'
            ? neighbours(errorsOf(layer, student, teacher))
            : kernelOf(params, student).sub(kernelOf(params, teacher)).square().mean()
        return student.shape[0] === 1 ? noRelation(student) : apart
      }),
    ),
)

const embeds = ({ kernel, embedding }: Params): boolean =>
  embedding === 'linear' || (embedding === 'auto' && kernel === 'neighbour')

/** k of every two rows of x [N, D]: [N, N]. */
function kernelOf({ kernel, gamma, order, normalize: normalised }: Params, x: Tensor): Tensor {
  if (kernel === 'mmd') {
    const means = x.mean(1)
    return means.unsqueeze(0).sub(means.unsqueeze(1)).abs()
  }
  const products = gram(normalised ? unit(x) : x)
  if (kernel === 'bilinear') return products
  if (!normalised)
    throw new ValueError(
      `cc: the kernel ${kernel} is for rows of length 1, got normalize false. Leave it true, or choose the kernel bilinear.`,
    )
  if (kernel === 'rbf-exact')
    return products
      .sub(1)
      .mul(2 * gamma)
      .exp()
  // Horner's rule: the last term first.
  let series: Tensor = scalar(1)
  for (let p = order; p > 0; p--)
    series = series
      .mul(products)
      .mul((2 * gamma) / p)
      .add(1)
  return series.mul(Math.exp(-2 * gamma))
}

/** |s - t| by component, [N, D]. */
function errorsOf({ name }: Layer, student: Tensor, teacher: Tensor): Tensor {
  if (student.shape[1] !== teacher.shape[1])
    throw new ShapeError(
      `cc: the kernel neighbour compares features of one width, got ${name.student} ${show(student.shape)} and ${name.teacher} ${show(teacher.shape)}. Set embedding to linear.`,
    )
  return student.sub(teacher).abs()
}

/** Of errors [N, D], how much those of a sample agree with those of the next one. */
const neighbours = (errors: Tensor): Tensor =>
  errors
    .slice([[0, -1]])
    .mul(errors.slice([[1]]))
    .sum(1)
    .mean()
