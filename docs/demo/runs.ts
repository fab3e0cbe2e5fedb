import type { Dataset } from 'kdgrad/data'
import { losses } from 'kdgrad/losses'
import { type Model, models } from 'kdgrad/models'
import { Random } from 'kdgrad/nn'
import {
  atRate,
  courseOf,
  type FitOptions,
  fit,
  type Method,
  optimizerOf,
  predictions,
  recipeOf,
  type StepPick,
  type StepProgress,
  type Trainee,
  type TraineeOptions,
  type Training,
  termsOf,
  traineeOf,
} from 'kdgrad/train'

export const TEACHER_IMAGES = 3000
export const STUDENT_IMAGES = 300
export const recipe = recipeOf('glyphs', TEACHER_IMAGES, STUDENT_IMAGES)

/** What sliders say: multiples of what is published. */
export interface Turned {
  readonly weight: number
  readonly ce: number
  readonly temperature: number
}

/** The loss by itself, beside as much cross-entropy as is published. */
export function methodOf(id: string): Method {
  const loss = losses.get(id)!
  const params = { ...loss.defaults, ...recipe.parameters[id] }
  return { id, terms: termsOf(loss, params, recipe.student.epochs) }
}

const network = (name: string, seed: number): Model =>
  models.get(name)!({ seed, inChannels: 1, size: 28, classes: 10 })
export const newTeacher = (seed: number): Model => network('t8-16', seed)
export const newStudent = (seed: number): Model => network('s4-8', seed)

/** A network in training: what it learns from, and how. */
export interface Run {
  readonly trainee: Trainee
  readonly data: Dataset
  readonly training: Training
  readonly seed: number
}

/** A network with what its method trains beside it. `turned` is asked at every step. */
export function runOf(
  method: Method,
  student: Model,
  options: Pick<TraineeOptions, 'data' | 'teacher' | 'teacherLogits' | 'formerSelf' | 'seed'>,
  training: Training,
  turned?: () => Turned,
): Run {
  const { data, seed } = options
  const trainee = traineeOf(method, {
    ...options,
    student,
    augment: undefined,
    random: new Random(seed).fork('supplies'),
    makePeer: () => newStudent(new Random(seed).fork('peer').integer(2 ** 31)),
    batchSize: training.batchSize,
    weightNow: turned && ((id, weight) => weight * (id === method.id ? turned().weight : turned().ce)),
  })
  return { data, training, seed, trainee: turned ? tempered(trainee, turned) : trainee }
}

/** The same, with its temperatures turned before each step. */
function tempered(trainee: Trainee, turned: () => Turned): Trainee {
  const before =
    <T>(loss: (pick: StepPick) => T) =>
    (pick: StepPick) => {
      for (const { params, prepared } of trainee.terms)
        if (typeof params.temperature === 'number')
          prepared.turn({ temperature: params.temperature * turned().temperature })
      return loss(pick)
    }
  return {
    ...trainee,
    loss: before(trainee.loss),
    preliminary: trainee.preliminary.map((stage) => ({ ...stage, loss: before(stage.loss) })),
  }
}

/** Trains it, or a stage that comes before, one step each time that the next is asked for. */
export async function* stepsOf(
  { trainee, data, training, seed }: Run,
  stage?: Trainee['preliminary'][number],
): AsyncGenerator<StepProgress> {
  const loss = stage?.loss ?? trainee.loss
  const options: FitOptions = {
    name: stage?.id ?? trainee.terms.map((term) => term.loss.id).join(' + '),
    data,
    modules: trainee.modules,
    optimizer: optimizerOf(training, trainee.trained(loss)),
    loss,
    epochs: stage?.epochs ?? training.epochs,
    batchSize: training.batchSize,
    ...courseOf(atRate(training, stage?.rate ?? 1)),
    random: new Random(seed).fork(stage ? `batches of ${stage.id}` : 'batches'),
  }
  let arrive: (progress: StepProgress) => void
  let leave = () => {}
  const arrival = () =>
    new Promise<StepProgress>((resolve) => {
      arrive = resolve
    })
  let arrived = arrival()
  const ended = fit({
    ...options,
    onStep: (progress) => {
      arrive(progress)
      return new Promise((resolve) => {
        leave = resolve
      })
    },
  }).then(() => undefined)
  for (;;) {
    const progress = await Promise.race([arrived, ended])
    if (!progress) return
    yield progress
    arrived = arrival()
    leave()
  }
}

/** What the network says of every image, as it predicts with its method; it goes on training afterwards. */
export async function saidBy({ modules, predict }: Trainee, test: Dataset): Promise<Float32Array> {
  for (const module of modules) module.eval()
  const [said] = Object.values(await predictions(predict, test))
  for (const module of modules) module.train()
  return said!
}
