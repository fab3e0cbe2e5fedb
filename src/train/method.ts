import type { AnyLoss, Need, Settings } from '../losses/index.ts'

/** A summand of a student's training loss: a loss with its parameters, weight and warm-up. */
export interface ChosenTerm {
  readonly loss: AnyLoss
  readonly params: Settings
  readonly weight: number
  /** Epochs over which the weight grows linearly. */
  readonly warmup: number
}

/** How a student is trained: the row it makes in the table, and the sum that it minimises. */
export interface Method {
  readonly id: string
  readonly terms: readonly ChosenTerm[]
}

const OF_A_TEACHER: readonly Need[] = ['teacher', 'teacherClassifier', 'classMaps', 'teacherNorms']

/** Whether some term of the method learns from a teacher. */
export const needsTeacher = ({ terms }: Method): boolean =>
  terms.some(({ loss }) => loss.needs.some((need) => OF_A_TEACHER.includes(need)))
