import type { Dataset } from '../data/dataset.ts'
import { accuraciesOf, type Predict } from './evaluate.ts'

/** How a network is judged while it is trained. */
export interface Judge {
  readonly predict: Predict
  readonly test: Dataset
  /** Held back from training: what the best epoch and an early end are chosen by; never the test set. */
  readonly validation?: Dataset | undefined
  /** Epochs between judgements; the last one is judged in any case. */
  readonly every: number
}

/** Shares of right answers, 0 to 1. */
export interface Judgement {
  readonly testAccuracy: number
  readonly validationAccuracy?: number
  /** On the test set, of every exit where the network has several. */
  readonly exits?: Readonly<Record<string, number>>
}

/** The networks stand in evaluation mode. */
export async function judged({ predict, test, validation }: Judge): Promise<Judgement> {
  const accuracies = await accuraciesOf(predict, test)
  const [testAccuracy] = Object.values(accuracies)
  const [validationAccuracy] = validation ? Object.values(await accuraciesOf(predict, validation)) : []
  return {
    testAccuracy: testAccuracy!,
    ...(validationAccuracy === undefined ? {} : { validationAccuracy }),
    ...(Object.keys(accuracies).length > 1 ? { exits: accuracies } : {}),
  }
}
