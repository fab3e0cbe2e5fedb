import { type Augmentation, viewPixels, viewsOf } from '../data/augment.ts'
import { labelsOf } from '../data/batch.ts'
import { type Dataset, subset } from '../data/dataset.ts'
import { partnersOf } from '../data/views.ts'
import type { AnyBatch, Need, Progress, Side, Supplies } from '../losses/index.ts'
import type { Model } from '../nn/models/model.ts'
import { tapped } from '../nn/taps.ts'
import type { Random } from '../random.ts'
import { type Tensor, tensor } from '../tensor.ts'
import { type Mix, mixedImages } from './mixed.ts'

/** Logits of a network that no longer changes, for every sample of the training set, [size * classes]. */
export type KnownLogits = Float32Array

/** What the batches of one training run are made from. */
export interface Sources {
  readonly data: Dataset
  readonly student: Model
  readonly peer: Model | undefined
  readonly teacher: Model
  /** Stand in for a forward pass where nothing but the logits is needed. */
  readonly teacherLogits: () => KnownLogits
  /** The network itself, in evaluation mode, where its images differ from epoch to epoch. */
  readonly formerSelf: () => KnownLogits | Model
  /** Layers to be tapped in each network. */
  readonly taps: { readonly student: readonly string[]; readonly teacher: readonly string[] }
  /** Whether more of the teacher than its logits is looked at. */
  readonly teacherFeatures: boolean
  /** What makes the second view of an image, where one is needed. */
  readonly secondView: Augmentation | undefined
  /** What an epoch makes of its images; as they are where left out. */
  readonly augment: Augmentation | undefined
  /** Mixes the images of a step, by shares drawn from Beta(mixup, mixup); they stay single where left out. */
  readonly mixup?: number | undefined
  /** Draws augmentations, mixtures, views and partners. */
  readonly random: Random
}

/** Which samples a step is about, and when it is. */
export interface StepPick {
  readonly indices: readonly number[]
  readonly progress: Progress
}

/** A step with its images and what the student makes of them. */
interface Step extends StepPick {
  readonly images: Tensor
  readonly student: Side
  readonly teacher: () => Side
}

/** How each need is met: the one place that knows where everything comes from. */
const suppliers: { readonly [K in Need]: (sources: Sources, step: Step) => Supplies[K] } = {
  teacher: (_, { teacher }) => teacher(),
  labels: ({ data }, { indices }) => labelsOf(data, indices),
  teacherClassifier:
    ({ teacher }) =>
    (map) =>
      teacher.classify(map),
  classMaps: ({ student, teacher }, step) => ({
    student: student.classMaps(lastMap(step.student)),
    teacher: teacher.classMaps(lastMap(step.teacher())),
  }),
  teacherNorms: ({ teacher }) => teacher.norms(),
  index: (_, { indices }) => tensor(Int32Array.from(indices)),
  trainingSet: ({ data: { size, classes, labels } }) => ({ size, classes, labels }),
  progress: (_, { progress }) => progress,
  view: ({ data, student, teacher, taps, secondView, random }, { indices, progress }) => {
    const images = viewsOf(data, indices, secondView!, random.fork('views').fork(progress.epoch))
    return {
      student: tapped(student, images, taps.student),
      teacher: tapped(teacher, images, taps.teacher),
    }
  },
  partner: (sources, { indices, progress }) => {
    const { data, student, taps, random } = sources
    const partners = partnersOf(data, indices, random.fork('partners').fork(progress.step))
    return tapped(student, imagesFor(sources, partners, progress), taps.student)
  },
  peer: ({ peer, taps }, { images }) => tapped(peer!, images, taps.student),
  formerSelf: ({ formerSelf, data }, { indices, images }) => {
    const before = formerSelf()
    return before instanceof Float32Array
      ? { logits: rowsOf(before, indices, data.classes) }
      : before.forward(images)
  },
}

/**
 * The batch of one step, with all that is needed, and where the images are mixed, what their labels are. Builds graph and
 * computes nothing.
 */
export function batchOf(
  sources: Sources,
  needs: ReadonlySet<Need>,
  pick: StepPick,
): AnyBatch & { readonly mix?: Mix } {
  const { student, teacher, taps, teacherFeatures } = sources
  const { images, mix } = stepImages(sources, pick)
  const step: Step = {
    ...pick,
    images,
    student: tapped(student, images, taps.student),
    teacher: once(() =>
      // Logits that are known are those of the images as they are.
      teacherFeatures || sources.augment || mix
        ? tapped(teacher, images, taps.teacher)
        : { logits: rowsOf(sources.teacherLogits(), pick.indices, sources.data.classes) },
    ),
  }
  const supplied = [...needs].map((need) => [need, suppliers[need](sources, step)] as const)
  // The warm-up of weights counts epochs, whatever the losses need.
  const { progress } = pick
  return { student: step.student, progress, ...(mix ? { mix } : {}), ...Object.fromEntries(supplied) }
}

function stepImages(sources: Sources, { indices, progress }: StepPick): { images: Tensor; mix?: Mix } {
  const { data, mixup, random } = sources
  if (mixup === undefined) return { images: imagesFor(sources, indices, progress) }
  const pixels = pixelsFor(sources, indices, progress)
  return mixedImages(data, indices, pixels, mixup, random.fork('mixup').fork(progress.step))
}

const imagesFor = (sources: Sources, indices: ArrayLike<number>, progress: Progress): Tensor =>
  tensor(pixelsFor(sources, indices, progress), [indices.length, ...sources.data.shape])

function pixelsFor(
  { data, augment, random }: Sources,
  indices: ArrayLike<number>,
  { epoch }: Progress,
): Float32Array {
  return augment
    ? viewPixels(data, indices, augment, random.fork('augmentation').fork(epoch))
    : subset(data, indices).images
}

function lastMap({ features = {} }: Side): Tensor {
  return Object.values(features).findLast((x) => x.rank === 4)!
}

function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => {
    made ??= make()
    return made
  }
}

/** Rows of a flat [size * width] array as a tensor [indices, width]. */
function rowsOf(values: Float32Array, indices: readonly number[], width: number): Tensor {
  const rows = new Float32Array(indices.length * width)
  indices.forEach((index, i) => {
    rows.set(values.subarray(index * width, (index + 1) * width), i * width)
  })
  return tensor(rows, [indices.length, width])
}
