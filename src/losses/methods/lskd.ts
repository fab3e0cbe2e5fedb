import { positive } from '../parameters.ts'
import { standardised } from '../standardise.ts'
import { kldiv } from './kldiv.ts'

/**
 * Logit standardisation with the divergence of Hinton et al. Sun, Ren, Li, Wang, Cao: Logit Standardization in Knowledge
 * Distillation, CVPR 2024, arXiv:2403.01427.
 *
 *     LSKD = T² / N · sum_n KL(softmax(t' / T) ‖ softmax(s' / T)),   z' = (z - mean(z)) / (std(z) + 1e-7)
 *
 * Does not change where a sample's logits, of either side, become a z + b with a > 0, as long as they deviate by more than
 * 1e-3. A student row that does not vary
 * gets no gradient; in the published code it gets 1e7 times as much as is sensible.
 */
export const lskd = standardised(kldiv, {
  id: 'lskd',
  title: 'Logit standardisation, with KD',
  paper:
    'Sun, Ren, Li, Wang, Cao: Logit Standardization in Knowledge Distillation, CVPR 2024, arXiv:2403.01427',
  formula: 'kldiv of logits (z - mean(z)) / (std(z) + 1e-7), standardised per sample',
  variant: "the authors' code for KD; a constant row gets no gradient, where there it explodes",
  defaults: { temperature: positive(2, "the authors' code, base temperature") },
  mix: { weight: 9, ce: 0.1 },
})
