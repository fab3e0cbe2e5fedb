import { defineLoss } from '../define.ts'
import { gramOfLengthOne } from '../parts/gram.ts'
import { noRelation, samplesOf } from '../parts/samples.ts'
import { sumOf } from '../parts/sums.ts'

/**
 * Similarity-preserving distillation. Tung, Mori: Similarity-Preserving Knowledge Distillation, ICCV 2019,
 * arXiv:1907.09682, eq. 4.
 *
 *     SP = sum over layers of 1 / N² · | G(F_s) - G(F_t) |²
 *     G(F) [N, N]: inner products of the samples, flattened, every row divided by its length
 *
 * Features of any shape; those of the two networks may differ in it. The value depends on the batch size. One sample
 * gives 0. A sample whose features are all 0 has a row of zeros and gets no gradient; the published code gives it 1e12
 * times upstream.
 */
export const sp = defineLoss(
  'sp',
  {
    title: 'Similarity-preserving distillation',
    paper: 'Tung, Mori: Similarity-Preserving Knowledge Distillation, ICCV 2019, arXiv:1907.09682',
    formula:
      'sum over layers of mean((G(F_s) - G(F_t))²), G: inner products of the samples, rows of length 1',
    variant: 'paper and RepDistiller; no gradient through a sample that is 0',
    layers: 'last map',
    mix: { weight: 3000, ce: 1 },
  },
  ({ layers }) =>
    sumOf(
      layers.map((layer) => {
        const { student, teacher } = samplesOf('sp', layer)
        return student.shape[0] === 1
          ? noRelation(student)
          : gramOfLengthOne(student).sub(gramOfLengthOne(teacher)).square().mean()
      }),
    ),
)
