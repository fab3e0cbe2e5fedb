import { ValueError } from '../../errors.ts'
import { mseLoss } from '../../ops/regression-loss.ts'
import { defineLoss } from '../define.ts'
import { choice, positive, share, whole } from '../parameters.ts'
import { factorDistance, Paraphraser, translator } from '../parts/factors.ts'
import { checkMaps } from '../parts/maps.ts'
import { onlyLayer } from '../parts/only-layer.ts'

/**
 * Factor transfer. Kim, Park, Kwak: Paraphrasing Complex Network: Network Compression via Factor Transfer, NeurIPS 2018,
 * arXiv:1802.04977.
 *
 *     FT = mean over all elements of |Q(T(F_s)) - Q(P(F_t))|^p2
 *     form 'attention':  Q(F) = mean over channels of |F|^p1, flattened, of length 1
 *     form 'flat':       Q(F) = F flattened, of length 1
 *
 * The paraphraser P is the encoder of an auto-encoder that makes k C_t channels of the teacher's last map. It learns to
 * reconstruct that map in a stage of its own, at `initRate` times the student's learning rate, and is then left alone. The
 * translator T makes as many of the student's map and learns with the student.
 */
export const ft = defineLoss(
  'ft',
  {
    title: 'Factor transfer',
    paper:
      'Kim, Park, Kwak: Paraphrasing Complex Network: Network Compression via Factor Transfer, NeurIPS 2018, arXiv:1802.04977',
    formula: 'mean |Q(T(F_s)) - Q(P(F_t))|^p2, P: encoder of the teacher, T: translator of the student',
    variant:
      "form 'attention': RepDistiller; form 'flat': paper and torchdistill with p2 1, there a sum over elements",
    defaults: {
      form: choice('attention', ['attention', 'flat'], 'RepDistiller, for which the weight 200 is meant'),
      p1: positive(2, 'RepDistiller'),
      p2: positive(1, 'paper and RepDistiller'),
      k: share(0.5, 'paper and RepDistiller: channels of a factor for each of the teacher'),
      initEpochs: whole(30, 'RepDistiller'),
      initRate: positive(
        0.2,
        'RepDistiller, for ResNets and WRNs: 0.01 where the student has 0.05; at the whole rate it can diverge',
      ),
    },
    layers: 'last map',
    mix: { weight: 200, ce: 1 },
    adapters: ({ layers }, { k }, random) => {
      const last = onlyLayer('ft', layers)
      checkMaps('ft', last)
      const [from, to] = [last.student.shape[1]!, last.teacher.shape[1]!]
      const factor = Math.floor(k * to)
      if (factor < 1)
        throw new ValueError(
          `ft: the factor would have no channels, got k = ${k} for ${to} channels of the teacher. Make k larger.`,
        )
      return {
        paraphraser: new Paraphraser(to, factor, random.fork('paraphraser')),
        translator: translator(from, factor, random.fork('translator')),
      }
    },
    preliminary: {
      epochs: ({ initEpochs }) => initEpochs,
      rate: ({ initRate }) => initRate,
      objective: ({ layers: [last] }, _, { adapters: { paraphraser } }) =>
        mseLoss(paraphraser.forward(last!.teacher), last!.teacher),
    },
  },
  ({ layers: [last] }, params, { adapters: { paraphraser, translator } }) => {
    const { name, student, teacher } = last!
    const factors = {
      name,
      student: translator.forward(student),
      teacher: paraphraser.encoder.forward(teacher).detach(),
    }
    return factorDistance('ft', factors, params)
  },
)
