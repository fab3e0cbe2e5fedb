import { defineLoss } from '../define.ts'
import { choice, positive } from '../parameters.ts'
import { attentions } from '../parts/attention.ts'
import { sumOf } from '../parts/sums.ts'

/**
 * Attention transfer. Zagoruyko, Komodakis: Paying More Attention to Attention, ICLR 2017, arXiv:1612.03928, eq. 2.
 *
 *     A(F) = mean over channels of |F|^p, flattened,   Q(F) = A(F) / |A(F)|
 *     code form:   AT = sum over layers of mean( (Q(F_s) - Q(F_t))² )
 *     paper form:  AT = 1/2 sum over layers of the mean over samples of |Q(F_s) - Q(F_t)|
 *
 * Maps [N, C, H, W] may differ in channels; the larger one is averaged down to the size of the smaller. A map that is 0
 * everywhere has attention 0 and gets no gradient. A map of one position has attention 1, whatever its values are, and is
 * refused.
 */
export const at = defineLoss(
  'at',
  {
    title: 'Attention transfer',
    paper: 'Zagoruyko, Komodakis: Paying More Attention to Attention, ICLR 2017, arXiv:1612.03928',
    formula: 'sum over layers of mean((Q(F_s) - Q(F_t))²), Q: mean over channels of |F|^p, normalised',
    variant: "form 'code': the authors' code; form 'paper': eq. 2, norms instead of mean squares",
    defaults: {
      p: positive(2, "paper and the authors' code"),
      form: choice('code', ['code', 'paper'], "the authors' code, for which the weight 1000 is meant"),
    },
    layers: 'maps',
    mix: { weight: 1000, ce: 1 },
  },
  ({ layers }, { p, form }) =>
    sumOf(
      layers.map((layer) => {
        const [student, teacher] = attentions('at', layer, p)
        const difference = student.sub(teacher)
        return form === 'code' ? difference.square().mean() : difference.norm(2, 1).mean().mul(0.5)
      }),
    ),
)
