import { where } from '../../ops/elementwise.ts'
import { scatterMask } from '../../ops/indexing.ts'
import { smoothL1Loss } from '../../ops/regression-loss.ts'
import { type Tensor, tensor } from '../../tensor.ts'
import { defineLoss } from '../define.ts'
import { nonNegative } from '../parameters.ts'
import { noRelation, samplesOf } from '../parts/samples.ts'
import { sumOf } from '../parts/sums.ts'
import { scaled, shortened } from '../parts/unit.ts'

/**
 * Relational knowledge distillation. Park, Kim, Lu, Cho: Relational Knowledge Distillation, CVPR 2019, arXiv:1904.05068.
 *
 *     RKD = distanceWeight · mean over i, j    of h( d_s[i, j] / μ_s - d_t[i, j] / μ_t )
 *         + angleWeight    · mean over i, j, k of h( cos_s[i; j, k] - cos_t[i; j, k] )
 *     d[i, j] = |x_j - x_i|, μ: its mean over i ≠ j,   cos[i; j, k]: of the angle at x_i between x_j and x_k
 *     h: smooth L1; the means are over all N² and N³ entries, those with i = j included
 *
 * Features of any shape are flattened; widths may differ. Neither part sees translation, rotation or scale of the
 * features that are more than 1e-5 apart. One sample gives 0, and so do two: they have one distance and no angle. A part of weight 0 is not computed;
 * the angles take N² D + N³ numbers.
 *
 * Two samples that are equal, as far as float32 can tell, or less than 1e-5 apart, are 1e-6 apart as equal ones are in the
 * published code, and have no direction.
 * They get no gradient, where the published angle part has 1e12 times upstream.
 */
export const rkd = defineLoss(
  'rkd',
  {
    title: 'Relational knowledge distillation',
    paper: 'Park, Kim, Lu, Cho: Relational Knowledge Distillation, CVPR 2019, arXiv:1904.05068',
    formula:
      'distanceWeight smoothL1(d_s / mean d_s, d_t / mean d_t) + angleWeight smoothL1(cos_s, cos_t), over pairs and triples',
    variant: "the authors' code; no gradient between equal samples",
    defaults: {
      distanceWeight: nonNegative(25, 'paper and RepDistiller, CIFAR-100 (1 in metric learning)'),
      angleWeight: nonNegative(50, 'paper and RepDistiller, CIFAR-100 (2 in metric learning)'),
    },
    layers: 'pooled',
    mix: { weight: 1, ce: 1 },
  },
  ({ layers }, { distanceWeight, angleWeight }) =>
    sumOf(
      layers.map((layer) => {
        const { student, teacher } = samplesOf('rkd', layer)
        const part = (weight: number, structure: (x: Tensor) => Tensor) =>
          weight === 0 || student.shape[0] === 1
            ? noRelation(student)
            : smoothL1Loss(structure(student), structure(teacher)).mul(weight)
        return part(distanceWeight, distances).add(part(angleWeight, angles))
      }),
    ),
)

/** Distances [N, N] over their mean, which leaves the diagonal of zeros out. */
function distances(samples: Tensor): Tensor {
  const n = samples.shape[0]!
  const itself = scatterMask(tensor(Int32Array.from({ length: n }, (_, i) => i)), n)
  const { x, unit, shortest } = scaled(samples, [0, 1])
  const least = unit.reciprocal().mul(LEAST_DISTANCE)
  const d = where(itself, 0, differences(x, shortest).norm(2, 2).maximum(least))
  return d.div(d.sum().div(n * (n - 1)))
}

/** Cosines [N, N, N] of the angles at the first sample between the second and the third. */
function angles(samples: Tensor): Tensor {
  const { x, shortest } = scaled(samples, [0, 1])
  const directions = shortened(differences(x, shortest), 2, shortest)
  return directions.matmul(directions.transpose())
}

/** x_j - x_i at [i, j], [N, N, D]; exactly 0 where the two are equal up to rounding, or less than `shortest` apart. */
function differences(x: Tensor, shortest: Tensor): Tensor {
  const difference = x.unsqueeze(0).sub(x.unsqueeze(1))
  const squares = x.square().sum(1)
  const size = squares
    .unsqueeze(0)
    .add(squares.unsqueeze(1))
    .mul(SAME_SAMPLE ** 2)
    .maximum(shortest.square().squeeze())
  return where(difference.square().sum(2).gt(size).unsqueeze(2), difference, 0)
}

/** Samples that differ by less of their length are taken as equal: float32 cannot tell them apart. */
const SAME_SAMPLE = 1e-6
/** The root of the 1e-12 at which the published code clamps squared distances. */
const LEAST_DISTANCE = 1e-6
