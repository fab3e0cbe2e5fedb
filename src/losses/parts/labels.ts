import { oneHot } from '../../ops/indexing.ts'
import { isLabels } from '../../ops/loss.ts'
import type { Tensor } from '../../tensor.ts'
import type { Labels } from '../batch.ts'

/** Class numbers [N]; of soft targets the first largest entry. */
export const classOf = (labels: Labels): Tensor<'int'> => (isLabels(labels) ? labels : labels.argmax(1))

/** Class probabilities [N, C]: 1 for the label, or the soft targets themselves. */
export const targetsOf = (labels: Labels, classes: number): Tensor =>
  isLabels(labels) ? oneHot(labels, classes) : labels
