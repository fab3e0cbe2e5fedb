import { device } from 'kdgrad'
import { balancedSubset, type Dataset, glyphs } from 'kdgrad/data'
import type { Model } from 'kdgrad/models'
import { Random } from 'kdgrad/nn'
import { logitsOf, type StepProgress } from 'kdgrad/train'
import {
  methodOf,
  newStudent,
  newTeacher,
  type Run,
  recipe,
  runOf,
  STUDENT_IMAGES,
  saidBy,
  stepsOf,
  TEACHER_IMAGES,
  type Turned,
} from './runs.ts'

/** Steps between two looks at the test images. */
const JUDGED_EVERY = 10

export interface Choice {
  readonly device: string
  readonly loss: string
  readonly seed: number
  /** Asked at every step. */
  readonly turned: () => Turned
}

/** What has come of it so far. Logits of the test images are there where the networks have just been judged. */
export interface Standing {
  readonly phase: 'teacher' | 'before' | 'students'
  readonly doing: string
  readonly step: number
  readonly steps: number
  readonly test: Dataset
  readonly teacher?: Float32Array
  readonly alone?: Float32Array
  readonly distilled?: Float32Array
}

type Device = Awaited<ReturnType<typeof device>>
type Turns<T = void> = AsyncGenerator<Standing, T>

let data: { readonly train: Dataset; readonly test: Dataset } | undefined
/** Teachers that are trained, by seed: another loss goes on with the same one. A lost device takes its own with it. */
const teachers = new WeakMap<object, Map<number, Model>>()

/** Trains all three networks; each turn is a step, after which the caller may wait, look or leave. */
export async function* session(choice: Choice): Turns {
  const on = await device(choice.device)
  try {
    yield* training(on, choice)
  } catch (cause) {
    if (!on.lost) throw cause
    throw new Error(
      `The device ${on.name} was lost while it trained, and the networks with it. Start begins anew, on a new device.`,
      { cause },
    )
  }
}

async function* training(on: Device, { loss, seed, turned }: Choice): Turns {
  data ??= glyphs({ train: TEACHER_IMAGES, test: 500 })
  const { train, test } = data
  const known = teachers.get(on) ?? new Map<number, Model>()
  teachers.set(on, known)
  const teacher = known.get(seed) ?? (yield* taught(train, test, seed, on.name))
  known.set(seed, teacher)

  const few = balancedSubset(train, STUDENT_IMAGES, new Random(seed).fork('student images'))
  const [knows, says] = [await logitsOf(teacher, few), await logitsOf(teacher, test)]
  const begin = (id: string, formerSelf?: Float32Array, turn?: () => Turned): Run =>
    runOf(
      methodOf(id),
      newStudent(seed),
      {
        data: few,
        teacher,
        teacherLogits: () => knows,
        formerSelf: () => formerSelf ?? new Float32Array(knows.length),
        seed,
      },
      recipe.student,
      turn,
    )
  const before = (doing: string, { step, steps }: StepProgress): Standing => ({
    phase: 'before',
    doing: `${doing}, on ${on.name}`,
    step,
    steps,
    test,
    teacher: says,
  })
  const formerSelf = methodOf(loss).terms.some((term) => term.loss.needs.includes('formerSelf'))
    ? yield* learnt(begin('ce'), few, (at) => before('the student that was there before learns', at))
    : undefined
  const distilled = begin(loss, formerSelf, turned)
  for (const stage of distilled.trainee.preliminary)
    for await (const at of stepsOf(distilled, stage)) yield before(`${stage.id} prepares the student`, at)
  const alone = begin('ce')

  const judged = async (step: number, steps: number): Promise<Standing> => ({
    phase: 'students',
    doing: `the students learn, on ${on.name}`,
    step,
    steps,
    test,
    teacher: says,
    ...(step % JUDGED_EVERY === 0 || step === steps
      ? { alone: await saidBy(alone.trainee, test), distilled: await saidBy(distilled.trainee, test) }
      : {}),
  })
  yield judged(0, recipe.student.epochs * Math.ceil(STUDENT_IMAGES / recipe.student.batchSize))
  const [others, own] = [stepsOf(alone), stepsOf(distilled)]
  for (;;) {
    const [{ value }, next] = [await others.next(), await own.next()]
    if (!value || next.done) return
    yield judged(value.step, value.steps)
  }
}

/** A teacher, trained from the beginning. */
async function* taught(train: Dataset, test: Dataset, seed: number, on: string): Turns<Model> {
  const teacher = newTeacher(seed)
  const none = () => new Float32Array(train.size * train.classes)
  const options = { data: train, teacher, teacherLogits: none, formerSelf: none, seed }
  const run = runOf(methodOf('ce'), teacher, options, recipe.teacher)
  for await (const { step, steps } of stepsOf(run))
    yield {
      phase: 'teacher',
      doing: `the teacher learns, on ${on}`,
      step,
      steps,
      test,
      ...(step % JUDGED_EVERY === 0 || step === steps ? { teacher: await saidBy(run.trainee, test) } : {}),
    }
  teacher.eval()
  return teacher
}

/** Trains it to the end; what it then says of its own images. */
async function* learnt(
  run: Run,
  images: Dataset,
  standing: (at: StepProgress) => Standing,
): Turns<Float32Array> {
  for await (const at of stepsOf(run)) yield standing(at)
  return logitsOf(run.trainee.student, images)
}
