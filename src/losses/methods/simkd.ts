import { ValueError } from '../../errors.ts'
import { mseLoss } from '../../ops/regression-loss.ts'
import type { Tensor } from '../../tensor.ts'
import { defineLoss } from '../define.ts'
import { count } from '../parameters.ts'
import { ConvStack } from '../parts/conv-stack.ts'
import { checkMaps, equalSize, resized } from '../parts/maps.ts'
import { onlyLayer } from '../parts/only-layer.ts'

/**
 * SimKD. Chen, Mei, Zhang, Wang, Feng, Chen: Knowledge Distillation with the Reused Teacher Classifier, CVPR 2022,
 * arXiv:2203.14001.
 *
 *     SimKD = mean over all elements of ( P(F_s) - F_t )²
 *
 * The only loss: labels are not used. The projector P (convolutions 1x1 to C_t / factor channels, 3x3, and 1x1 to C_t, each
 * with batch normalisation and relu) is trained with the student and kept for inference, where the teacher's classifier
 * decides on the projected map; the student's own is not used. The larger map is averaged down to the size of the smaller.
 */
export const simkd = defineLoss(
  'simkd',
  {
    title: 'SimKD: the reused teacher classifier',
    paper:
      'Chen, Mei, Zhang, Wang, Feng, Chen: Knowledge Distillation with the Reused Teacher Classifier, CVPR 2022, arXiv:2203.14001',
    formula:
      "mean((P(F_s) - F_t)²), P: a projector trained with the student; the teacher's classifier decides",
    variant: "the authors' code",
    defaults: {
      factor: count(2, "the authors' code: by how much the projector is narrower than the teacher"),
    },
    needs: ['teacher', 'teacherClassifier'],
    layers: 'last map',
    mix: { weight: 1, ce: 0 },
    adapters: ({ layers }, { factor }, random) => {
      const last = onlyLayer('simkd', layers)
      checkMaps('simkd', last)
      const [from, to] = [last.student.shape[1]!, last.teacher.shape[1]!]
      const channels = Math.floor(to / factor)
      if (channels < 1)
        throw new ValueError(
          `simkd: the projector would have no channels, got factor = ${factor} for ${to} channels of the teacher. Make factor smaller.`,
        )
      const plan = { bias: false, norm: true, activation: (x: Tensor) => x.relu() }
      return {
        projector: new ConvStack(
          from,
          [
            { ...plan, channels, kernel: 1 },
            { ...plan, channels, kernel: 3 },
            { ...plan, channels: to, kernel: 1 },
          ],
          random,
        ),
      }
    },
    predict: ({ layers: [last], teacherClassifier }, _, { adapters: { projector } }) => {
      const [, , height, width] = last!.teacher.shape as readonly [number, number, number, number]
      const projected = projector.forward(equalSize('simkd', last!).student)
      return { 'teacher classifier': teacherClassifier(resized(projected, height, width)).logits }
    },
  },
  ({ layers: [last] }, _, { adapters: { projector } }) => {
    const { student, teacher } = equalSize('simkd', last!)
    return mseLoss(projector.forward(student), teacher)
  },
)
