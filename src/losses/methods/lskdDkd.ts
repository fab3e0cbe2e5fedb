import { positive, real } from '../parameters.ts'
import { standardised } from '../standardise.ts'
import { dkd } from './dkd.ts'

/**
 * Logit standardisation with decoupled knowledge distillation. Sun, Ren, Li, Wang, Cao: Logit Standardization in Knowledge
 * Distillation, CVPR 2024, arXiv:2403.01427; `dkd` has the formula inside.
 *
 *     T² / N · sum_n ( α TCKD + β NCKD )   of   z' = (z - mean(z)) / (std(z) + 1e-7)
 *
 * α and β are nine times those of DKD alone. A row that does not vary gets no gradient.
 */
export const lskdDkd = standardised(dkd, {
  id: 'lskdDkd',
  title: 'Logit standardisation, with DKD',
  paper:
    'Sun, Ren, Li, Wang, Cao: Logit Standardization in Knowledge Distillation, CVPR 2024, arXiv:2403.01427',
  formula: 'dkd of logits (z - mean(z)) / (std(z) + 1e-7), standardised per sample',
  variant:
    "the authors' code for DKD, in log space; a constant row gets no gradient, where there it explodes",
  defaults: {
    alpha: real(9, "the authors' code: 9 times that of DKD"),
    beta: real(72, "the authors' code: 9 times that of DKD, resnet32x4 to resnet8x4"),
    temperature: positive(2, "the authors' code, base temperature"),
  },
})
