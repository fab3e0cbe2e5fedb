import { device } from 'kdgrad'
import { balancedSubset, batches, type Dataset, glyphs } from 'kdgrad/data'
import { ce, losses } from 'kdgrad/losses'
import { type Model, models } from 'kdgrad/models'
import { Random } from 'kdgrad/nn'
import { Adam } from 'kdgrad/optim'
import { logitsOf, type Method, predictions, recipeOf, type Trainee, traineeOf } from 'kdgrad/train'

const IMAGES = 300
const BATCH = 32
const EPOCHS = 30
const TEACHER_BATCH = 64
const TEACHER_EPOCHS = 4
const recipe = recipeOf('glyphs', 3000, IMAGES)

export interface Choice {
  readonly device: string
  readonly loss: string
  readonly seed: number
  /** Multiples of the published weight of the loss, and of that of the cross-entropy; asked at every step. */
  readonly weights: () => { readonly loss: number; readonly ce: number }
}

/** What has come of it so far. */
export interface Standing {
  readonly doing: string
  readonly step: number
  readonly steps: number
  readonly test: Dataset
  /** What the networks say of the test images; none before they were judged. */
  readonly teacher?: Float32Array | undefined
  readonly alone?: Float32Array | undefined
  readonly distilled?: Float32Array | undefined
}

let data: { readonly train: Dataset; readonly test: Dataset } | undefined
/** Teachers that are trained, by device and seed: another loss goes on with the same one. */
const teachers = new Map<string, Model>()

/** The loss by itself, beside as much cross-entropy as is published. */
export function methodOf(id: string): Method {
  const loss = losses.get(id)!
  const params = { ...loss.defaults, ...recipe.parameters[id] }
  const hard = { loss: ce, params: {}, weight: loss.mix.ce, warmup: 0 }
  const own = { loss, params, weight: loss.mix.weight, warmup: Math.round((loss.mix.warmup ?? 0) * EPOCHS) }
  return { id, terms: loss === ce || hard.weight === 0 ? [own] : [hard, own] }
}

/** Trains all three networks; each turn is a step of what is in progress, after which the caller may pause, look or leave. */
export async function* session({ device: name, loss, seed, weights }: Choice): AsyncGenerator<Standing> {
  const on = await device(name)
  data ??= glyphs({ train: 3000, test: 500 })
  const { train, test } = data
  const key = `${on.name} ${seed}`
  let teacher = teachers.get(key)
  if (!teacher) {
    teacher = models.get('t8-16')!({ seed, inChannels: 1, size: 28, classes: 10 })
    const own = prepared(methodOf('ce'), {
      data: train,
      student: teacher,
      teacher,
      seed,
      batch: TEACHER_BATCH,
    })
    for await (const step of training(own, train, seed, TEACHER_EPOCHS, TEACHER_BATCH, 0.004))
      yield { doing: `the teacher learns, on ${on.name}`, ...step, test }
    teachers.set(key, teacher)
  }
  teacher.eval()
  const few = balancedSubset(train, IMAGES, new Random(seed).fork('student images'))
  const known = await logitsOf(teacher, few)
  const said = { teacher: await logitsOf(teacher, test) }
  const student = () => models.get('s4-8')!({ seed, inChannels: 1, size: 28, classes: 10 })
  const shared = { data: few, teacher, seed, batch: BATCH, known }
  const alone = prepared(methodOf('ce'), { ...shared, student: student() })
  const turned = (id: string, weight: number) =>
    weight * (id === 'ce' && loss !== 'ce' ? weights().ce : weights().loss)
  const distilled = prepared(methodOf(loss), { ...shared, student: student(), weightNow: turned })
  for (const stage of distilled.preliminary)
    for await (const step of training(
      { ...distilled, loss: stage.loss },
      few,
      seed,
      stage.epochs,
      BATCH,
      0.005,
    ))
      yield { doing: `${stage.id} prepares`, ...step, test, ...said }
  const both = [alone, distilled].map((trainee) => training(trainee, few, seed, EPOCHS, BATCH, 0.005))
  for (;;) {
    const [first, second] = [await both[0]!.next(), await both[1]!.next()]
    if (first.done || second.done) return
    const { step, steps } = first.value
    const judged = step % 10 === 0 || step === steps
    yield {
      doing: `the students learn, on ${on.name}`,
      step,
      steps,
      test,
      ...said,
      ...(judged ? { alone: await saidBy(alone, test), distilled: await saidBy(distilled, test) } : {}),
    }
  }
}

/** A trainee, ready for its first step. */
function prepared(
  method: Method,
  options: {
    readonly data: Dataset
    readonly student: Model
    readonly teacher: Model
    readonly seed: number
    readonly batch: number
    readonly known?: Float32Array
    readonly weightNow?: (id: string, weight: number) => number
  },
): Trainee {
  const { data: on, student, teacher, seed, batch, known, weightNow } = options
  const logits = () => known ?? new Float32Array(on.size * on.classes)
  return traineeOf(method, {
    data: on,
    student,
    teacher,
    // A student that was trained before is not at hand here: the teacher stands in for it.
    teacherLogits: logits,
    formerSelfLogits: logits,
    augment: undefined,
    random: new Random(seed).fork('supplies'),
    makePeer: () => models.get('s4-8')!({ seed: seed + 1, inChannels: 1, size: 28, classes: 10 }),
    batchSize: batch,
    seed,
    weightNow,
  })
}

async function* training(
  trainee: Trainee,
  on: Dataset,
  seed: number,
  epochs: number,
  batch: number,
  rate: number,
): AsyncGenerator<{ readonly step: number; readonly steps: number }> {
  const adam = new Adam(trainee.trained(trainee.loss))
  const steps = epochs * Math.ceil(on.size / batch)
  for (let epoch = 1; epoch <= epochs; epoch++)
    for (const picked of batches(on.size, batch, new Random(seed).fork(`epoch ${epoch}`))) {
      for (const module of trainee.modules) module.train()
      adam.lr = rate * 0.5 * (1 + Math.cos((Math.PI * adam.steps) / steps))
      const progress = { epoch, epochs, step: adam.steps }
      await adam.step(trainee.loss({ indices: Array.from(picked), progress }).total)
      yield { step: adam.steps, steps }
    }
}

async function saidBy(trainee: Trainee, test: Dataset): Promise<Float32Array> {
  for (const module of trainee.modules) module.eval()
  return Object.values(await predictions(trainee.predict, test))[0]!
}
