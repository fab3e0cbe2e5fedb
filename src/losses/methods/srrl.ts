import { mseLoss } from '../../ops/regression-loss.ts'
import { defineLoss } from '../define.ts'
import { nonNegative } from '../parameters.ts'
import { ConvStack } from '../parts/conv-stack.ts'
import { checkMaps, resized } from '../parts/maps.ts'
import { onlyLayer } from '../parts/only-layer.ts'

/**
 * Softmax regression representation learning. Yang, Martinez, Bulat, Tzimiropoulos: Knowledge Distillation via Softmax
 * Regression Representation Learning, ICLR 2021.
 *
 *     SRRL = α mean( (h_s - h_t)² ) + β mean( (W h_s - z_t)² )
 *
 * C(F_s) stands in for the teacher's last map: C is a 1x1 convolution with batch normalisation and relu, trained with the
 * student. h_s [N, D] is what the teacher's frozen classifier reads of it, h_t what it reads of the teacher's own map; W h_s
 * and z_t are the logits [N, classes] that it makes of the two. Where the classifier starts with a mean over positions, as
 * in the published networks, h is the pooled map. A map of another size than the teacher's is averaged to it.
 */
export const srrl = defineLoss(
  'srrl',
  {
    title: 'Softmax regression representation learning',
    paper:
      'Yang, Martinez, Bulat, Tzimiropoulos: Knowledge Distillation via Softmax Regression Representation Learning, ICLR 2021',
    formula:
      "alpha mean((h_s - h_t)²) + beta mean((W h_s - z_t)²), W: the teacher's classifier, h_s: what it reads of C(F_s)",
    variant: "the authors' code; SimKD's toolbox adds KLDiv with weight 1",
    defaults: {
      alpha: nonNegative(1, "SimKD's toolbox and cls_KD"),
      beta: nonNegative(1, "SimKD's toolbox (5 in cls_KD)"),
    },
    needs: ['teacher', 'teacherClassifier'],
    layers: 'last map',
    mix: { weight: 1, ce: 1 },
    adapters: ({ layers }, _, random) => {
      const last = onlyLayer('srrl', layers)
      checkMaps('srrl', last)
      const plan = { channels: last.teacher.shape[1]!, kernel: 1, bias: false, norm: true } as const
      return {
        connector: new ConvStack(last.student.shape[1]!, [{ ...plan, activation: (x) => x.relu() }], random),
      }
    },
  },
  ({ layers: [last], teacher, teacherClassifier }, { alpha, beta }, { adapters: { connector } }) => {
    const [, , height, width] = last!.teacher.shape as readonly [number, number, number, number]
    const { penultimate, logits } = teacherClassifier(
      resized(connector.forward(last!.student), height, width),
    )
    const wanted = teacherClassifier(last!.teacher).penultimate.detach()
    return mseLoss(penultimate, wanted).mul(alpha).add(mseLoss(logits, teacher.logits).mul(beta))
  },
)
