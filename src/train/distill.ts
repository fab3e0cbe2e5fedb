import { balancedSubset, checkDataset, type Dataset } from '../data/dataset.ts'
import { DivergedError } from '../errors.ts'
import { ce } from '../losses/index.ts'
import type { Model } from '../nn/models/model.ts'
import { Random } from '../random.ts'
import type { Tensor } from '../tensor.ts'
import { augmentationOf } from './augmentations.ts'
import { logitsOf } from './evaluate.ts'
import {
  type DistillOptions,
  type Experiment,
  isRun,
  type RunName,
  type RunRecord,
  recordOf,
} from './experiment.ts'
import { type Method, needsTeacher } from './method.ts'
import { judgedOnly, trained } from './run.ts'
import type { KnownLogits } from './supplies.ts'
import { type Trainee, traineeOf } from './trainee.ts'
import { atRate, type Training } from './training.ts'

/** The student alone is also trained at these multiples of the rate, so that nobody takes a better step for distillation. */
const RATES = [1, 0.5, 2] as const

export const aloneRow = (factor: number): string => (factor === 1 ? 'alone' : `alone x${factor}`)

/** Cross-entropy and nothing else: how the teacher and the student alone are trained. */
const hard: Method = { id: 'ce', terms: [{ loss: ce, params: {}, weight: 1, warmup: 0 }] }

/**
 * Trains the teacher once, if any method needs one, then for every seed the student alone at three rates and distilled by every method: all
 * students of a seed start from the same weights and see the same batches in the same order. Stops after the step in
 * progress when the signal aborts; finished runs have been handed to the observer by then. A run whose loss becomes NaN is
 * over, and the others go on where the observer has `onDiverged`; but the teacher and the student alone, which others are
 * taught by or compared with, end the experiment.
 *
 * `checkExperiment` says beforehand whether it can run.
 */
export async function distill(experiment: Experiment, options: DistillOptions = {}): Promise<RunRecord[]> {
  const { train, methods, seeds } = experiment
  const { observer = {}, signal, from } = options
  const finished: RunRecord[] = []
  const run = async (
    name: RunName,
    trainee: Trainee,
    data: Dataset,
    training: Training,
    weights?: ReadonlyMap<string, Tensor>,
  ) => {
    const known = from?.finished.find((record) => isRun(record, name))
    if (known) {
      trainee.student.loadStateDict(from!.weightsOf(name))
      finished.push(known)
      return known
    }
    if (signal?.aborted) return undefined
    const result = weights
      ? await judgedOnly(name, trainee, weights, experiment.test)
      : await trained(experiment, name, trainee, data, training, options, finished).catch(
          (error: unknown) => {
            const alone = name.row === 'teacher' || name.row === aloneRow(1)
            if (alone || !observer.onDiverged || !(error instanceof DivergedError)) throw error
            observer.onDiverged(name, error)
            return undefined
          },
        )
    if (!result) return undefined
    const record = recordOf(result)
    finished.push(record)
    await observer.onResult?.(result)
    await observer.onCheckpoint?.({ finished })
    return record
  }
  const seed = seeds[0]!
  const teacher = experiment.makeTeacher(seed)
  const known: Known = {}
  const prepare = preparer(experiment, teacher, known)

  if (methods.some(needsTeacher)) {
    const name = { row: 'teacher', seed }
    const own = prepare(hard, teacher, train, seed, experiment.teacher)
    if (!(await run(name, own, train, experiment.teacher, experiment.teacherWeights))) return finished
  }
  teacher.eval()
  for (const seed of seeds) {
    const data = studentDataOf(experiment, seed)
    // The teacher never changes; where it sees the same images every epoch, once is enough.
    const { augment, mixup } = experiment.student
    const same = !augment?.length && mixup === undefined
    if (!signal?.aborted && same) known.teacher = await logitsOf(teacher, data)
    for (const factor of RATES) {
      const training = atRate(experiment.student, factor)
      const student = experiment.makeStudent(seed)
      await run({ row: aloneRow(factor), seed }, prepare(hard, student, data, seed, training), data, training)
      if (factor === 1 && !signal?.aborted)
        known.formerSelf = same ? await logitsOf(student, data) : student.eval()
    }
    for (const method of methods) {
      if (signal?.aborted) return finished
      const trainee = prepare(method, experiment.makeStudent(seed), data, seed, experiment.student)
      observer.onTrainee?.({ row: method.id, seed }, trainee)
      await run({ row: method.id, seed }, trainee, data, experiment.student)
    }
  }
  return finished
}

/**
 * Sizes every method for the networks and the data, and tries its losses without computing anything.
 *
 * @throws DataError where the data cannot be trained on: no samples, a label out of range, a pixel that is not finite.
 * @throws ShapeError or ValueError where a method does not fit the networks or the data.
 */
export function checkExperiment(experiment: Experiment): void {
  const { train, test, makeTeacher, makeStudent, methods, seeds } = experiment
  checkDataset(train)
  checkDataset(test)
  const seed = seeds[0]!
  const data = studentDataOf(experiment, seed)
  const teacher = makeTeacher(seed).eval()
  if (experiment.teacherWeights) teacher.loadStateDict(experiment.teacherWeights)
  const prepare = preparer(experiment, teacher, {})
  prepare(hard, teacher, train, seed, experiment.teacher)
  for (const method of [hard, ...methods]) prepare(method, makeStudent(seed), data, seed, experiment.student)
}

/** What does not change any more, for the images that the students of a seed get. */
interface Known {
  teacher?: KnownLogits
  formerSelf?: KnownLogits | Model
}

/** Makes trainees, with what all of them share. Logits that are not known yet count as 0. */
function preparer(experiment: Experiment, teacher: Model, known: Known) {
  return (
    method: Method,
    student: Model,
    data: Dataset,
    seed: number,
    { batchSize, augment = [], mixup }: Training,
  ): Trainee => {
    const unknown = () => new Float32Array(data.size * data.classes)
    return traineeOf(method, {
      data,
      student,
      teacher,
      teacherLogits: () => known.teacher ?? unknown(),
      formerSelf: () => known.formerSelf ?? unknown(),
      augment: augmentationOf(augment, data),
      mixup,
      random: new Random(seed).fork('supplies'),
      makePeer: () => experiment.makeStudent(new Random(seed).fork('peer').integer(2 ** 31)),
      batchSize,
      seed,
    })
  }
}

function studentDataOf({ train, studentImages }: Experiment, seed: number): Dataset {
  if (studentImages === undefined) return train
  return balancedSubset(train, studentImages, new Random(seed).fork('student images'))
}
