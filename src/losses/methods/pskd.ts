import { ShapeError } from '../../errors.ts'
import { embedding } from '../../ops/lookup.ts'
import { crossEntropy } from '../../ops/loss.ts'
import { tensor } from '../../tensor.ts'
import { defineLoss } from '../define.ts'
import { share } from '../parameters.ts'
import { targetsOf } from '../parts/labels.ts'
import { replaceRows } from '../parts/rows.ts'

/**
 * Progressive self-knowledge distillation. Kim, Ji, Yoon, Hwang: Self-Knowledge Distillation with Progressive Refinement
 * of Targets, ICCV 2021, arXiv:2006.12000, eq. 5 and 6.
 *
 *     PS-KD = cross-entropy of the student with (1 - a_e) onehot(y) + a_e p_{e-1},   a_e = alpha e / E
 *
 * p_{e-1} is what the student said of the sample in the epoch before, which a table [samples, C] remembers; in the first
 * epoch it is the label itself. Stands in for the cross-entropy and needs no teacher.
 *
 * A sample that no epoch has shown yet, such as one of a last batch that was dropped, keeps its label. In the published
 * code its row is 0, so that its target is no distribution.
 */
export const pskd = defineLoss(
  'pskd',
  {
    title: 'Progressive self-knowledge distillation',
    paper:
      'Kim, Ji, Yoon, Hwang: Self-Knowledge Distillation with Progressive Refinement of Targets, ICCV 2021, arXiv:2006.12000',
    formula:
      'CE(s, (1 - a) onehot(y) + a p), p: the prediction of the epoch before, a = alpha epoch / epochs',
    variant: "the authors' code; a sample that no epoch has shown yet keeps its label instead of zeros",
    defaults: { alpha: share(0.8, "the authors' code, CIFAR-100") },
    needs: ['labels', 'index', 'trainingSet', 'progress'],
    mix: { weight: 1, ce: 0 },
    state: ({ student, trainingSet: { size, classes, labels } }) => {
      const given = student.logits.shape[1]!
      if (given !== classes)
        throw new ShapeError(
          `pskd: the student must have the classes of the training set, got ${given} and ${classes}. Change the student's last layer.`,
        )
      const table = new Float64Array(size * classes)
      labels.forEach((label, i) => {
        table[i * classes + label] = 1
      })
      return { predictions: tensor(table, [size, classes]) }
    },
  },
  ({ student: { logits }, labels, index, progress: { epoch, epochs } }, { alpha }, own) => {
    const { predictions } = own.state
    const target = targetsOf(labels, logits.shape[1]!)
    const before = epoch === 1 ? target : embedding(index, predictions)
    const a = (alpha * epoch) / epochs
    own.afterStep(predictions, (rows) => replaceRows(rows, index, logits.detach().softmax(1)))
    return crossEntropy(logits, target.mul(1 - a).add(before.mul(a)))
  },
)
