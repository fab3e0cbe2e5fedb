import { ShapeError, show, showAll, ValueError } from '../errors.ts'
import { checkLabels, isLabels } from '../ops/loss.ts'
import { sameShape } from '../shape.ts'
import { Tensor } from '../tensor.ts'

/** What a network gives for a batch. A model's output is one. */
export interface Side {
  /** [N, C], before any softmax. */
  readonly logits: Tensor
  /** Feature maps [N, C, H, W] and vectors [N, D] by name, in the order in which they are computed. */
  readonly features?: Readonly<Record<string, Tensor>> | undefined
  /** The same maps before their activation, by the same names. */
  readonly preActivations?: Readonly<Record<string, Tensor>> | undefined
  /** Whatever else was asked for by name: what modules inside the network gave. */
  readonly taps?: Readonly<Record<string, Tensor>> | undefined
}

/** Class numbers [N], or soft targets [N, C] such as mixup makes. */
export type Labels = Tensor<'int'> | Tensor

/** What a classifier makes of a network's last map. */
export interface Classified {
  /** What the last linear layer reads: [N, D]. */
  readonly penultimate: Tensor
  /** [N, C] */
  readonly logits: Tensor
}

/** The training set as a loss may know it. */
export interface TrainingSet {
  readonly size: number
  readonly classes: number
  /** The class of every sample, [size]. */
  readonly labels: Int32Array
}

/** Where in the training a batch is. */
export interface Progress {
  /** From 1. */
  readonly epoch: number
  readonly epochs: number
  /** Steps done before this one. */
  readonly step: number
}

/** What a loss can ask for besides the student; whoever calls it supplies what it declares in `needs`. */
export interface Supplies {
  /** Detached before the formula sees it: no gradient reaches the teacher. */
  readonly teacher: Side
  readonly labels: Labels
  /** What follows the teacher's last map, frozen: its gradient reaches the map that it is given, and nothing else. */
  readonly teacherClassifier: (map: Tensor) => Classified
  /** Class activation maps [N, classes, H, W], whose mean over positions are the logits. */
  readonly classMaps: { readonly student: Tensor; readonly teacher: Tensor }
  /** Scale and shift [C] of the teacher's batch normalisation before each activation, by the name of the map. */
  readonly teacherNorms: Readonly<Record<string, { readonly weight: Tensor; readonly bias: Tensor }>>
  /** Positions of the samples in the training set, [N], known on the host. */
  readonly index: Tensor<'int'>
  readonly trainingSet: TrainingSet
  readonly progress: Progress
  /** The same samples, augmented anew, or in a stronger way. */
  readonly view: { readonly student: Side; readonly teacher?: Side | undefined }
  /** Other samples of the same classes, one for each. */
  readonly partner: Side
  /** Another student, trained at the same time. */
  readonly peer: Side
  /** A network of the student's own architecture, trained before without a teacher. */
  readonly formerSelf: Side
}

export type Need = keyof Supplies

/** One batch: the student, what the loss needs, and whatever else there is. */
export type Batch<N extends Need = 'teacher'> = { readonly student: Side } & Pick<Supplies, N> & {
    readonly [K in Need]?: Supplies[K] | undefined
  }

/** A batch of which nothing is known but the student. */
export type AnyBatch = Batch<never>

/** How each need is named where it is missing, and how it is given. */
export const needs: Readonly<Record<Need, { readonly what: string; readonly give: string }>> = {
  teacher: { what: 'a teacher', give: 'Give teacher: { logits } in the batch' },
  labels: { what: 'labels', give: 'Give class numbers [N] or soft targets [N, C] as labels in the batch' },
  teacherClassifier: {
    what: "the teacher's classifier",
    give: 'Give teacherClassifier: (map) => teacher.classify(map) in the batch',
  },
  classMaps: {
    what: 'class activation maps',
    give: 'Give classMaps: { student, teacher }, [N, classes, H, W] each, in the batch',
  },
  teacherNorms: {
    what: "the teacher's batch normalisation",
    give: 'Give teacherNorms: teacher.norms() in the batch',
  },
  index: { what: 'sample indices', give: 'Give the positions in the training set [N] as index in the batch' },
  trainingSet: { what: 'the training set', give: 'Give trainingSet: { size, classes, labels } in the batch' },
  progress: { what: 'the progress', give: 'Give progress: { epoch, epochs, step } in the batch' },
  view: {
    what: 'a second view',
    give: 'Give view: { student, teacher } of other augmentations in the batch',
  },
  partner: {
    what: 'partners',
    give: "Give the student's output for other samples of the same classes as partner in the batch",
  },
  peer: { what: 'a peer', give: "Give the other student's output as peer in the batch" },
  formerSelf: {
    what: 'a former self',
    give: 'Give the output of the same network trained before as formerSelf in the batch',
  },
}

/** What to hold a batch to. */
export interface Demands {
  readonly needs: readonly Need[]
  /** Whether student and teacher must have the same classes: not so where only features are compared. */
  readonly sameClasses: boolean
}

/**
 * Throws unless the batch has all that is needed, in shapes that belong to the same samples.
 *
 * @throws ShapeError where the batch is empty, or logits and labels do not fit together.
 * @throws ValueError where something is missing, or a label is no class.
 */
export function checkBatch(id: string, demands: Demands, batch: AnyBatch): void {
  for (const need of demands.needs)
    if (!batch[need]) throw new ValueError(`${id}: needs ${needs[need].what}, got none. ${needs[need].give}.`)
  const shape = checkLogits(id, 'student', batch.student)
  const same = { ...demands, shape }
  if (demands.needs.includes('teacher')) checkAlike(id, 'teacher', batch.teacher!, same)
  if (demands.needs.includes('view')) {
    const { student, teacher } = batch.view!
    checkAlike(id, 'view.student', student, same)
    if (demands.needs.includes('teacher')) {
      if (!teacher)
        throw new ValueError(
          `${id}: needs the teacher's output for the second view, got the student's alone. Give view: { student, teacher } in the batch.`,
        )
      checkAlike(id, 'view.teacher', teacher, same)
    }
  }
  if (demands.needs.includes('classMaps')) checkClassMaps(id, batch.classMaps!)
  for (const who of ['partner', 'peer', 'formerSelf'] as const)
    if (demands.needs.includes(who)) checkAlike(id, who, batch[who]!, { ...same, sameClasses: true })
  if (demands.needs.includes('labels')) checkTargets(id, batch.labels!, shape)
  if (demands.needs.includes('index')) checkIndex(id, batch, shape[0])
}

function checkAlike(
  id: string,
  who: string,
  side: Side,
  { shape, sameClasses }: { shape: readonly number[]; sameClasses: boolean },
): void {
  const other = checkLogits(id, who, side)
  if (!(sameClasses ? sameShape(shape, other) : shape[0] === other[0]))
    throw new ShapeError(
      `${id}: student and ${who} logits differ in shape, got ${showAll([shape, other])}. Give logits of the same samples${sameClasses ? ' and classes' : ''}.`,
    )
}

function checkLogits(id: string, who: string, side: Side): readonly [number, number] {
  const logits: unknown = side?.logits
  if (!(logits instanceof Tensor))
    throw new ValueError(
      `${id}: ${who} logits must be a tensor, got ${typeof logits}. Give ${who}: { logits } in the batch.`,
    )
  if (logits.dtype !== 'float')
    throw new ValueError(
      `${id}: ${who} logits must be a float tensor, got ${logits.dtype} ${show(logits.shape)}. Convert them with toFloat().`,
    )
  if (logits.rank !== 2)
    throw new ShapeError(`${id}: ${who} logits must be [N, C], got ${show(logits.shape)}. Reshape them.`)
  if (logits.size === 0)
    throw new ShapeError(
      `${id}: the batch is empty, got ${who} logits ${show(logits.shape)}. Give at least one sample and one class.`,
    )
  return logits.shape as readonly [number, number]
}

function checkTargets(id: string, labels: Labels, [n, c]: readonly [number, number]): void {
  if (!sameShape(labels.shape, isLabels(labels) ? [n] : [n, c]))
    throw new ShapeError(
      `${id}: the labels do not fit the logits, got ${labels.dtype} ${showAll([labels.shape, [n, c]])}. Give class numbers [${n}] as an 'int' tensor, or soft targets [${n}, ${c}].`,
    )
  if (isLabels(labels)) checkLabels(id, labels, c)
}

function checkClassMaps(id: string, { student, teacher }: Supplies['classMaps']): void {
  const shapes = [student.shape, teacher.shape] as const
  if (student.rank !== 4 || teacher.rank !== 4 || !sameShape(shapes[0].slice(0, 2), shapes[1].slice(0, 2)))
    throw new ShapeError(
      `${id}: the class activation maps do not fit, got ${showAll(shapes)}. Give [N, classes, H, W] of the same samples and classes.`,
    )
}

function checkIndex(id: string, { index, trainingSet }: AnyBatch, n: number): void {
  if (!sameShape(index!.shape, [n]))
    throw new ShapeError(
      `${id}: there must be one index per sample, got ${show(index!.shape)} for ${n} samples. Give their positions in the training set.`,
    )
  const size = trainingSet?.size ?? Number.POSITIVE_INFINITY
  const bad = index!.host?.find((i) => i < 0 || i >= size)
  if (bad !== undefined)
    throw new ValueError(
      `${id}: an index is no sample of the training set, got ${bad} of ${size}. Use 0 to ${size - 1}.`,
    )
}

/** Everything that a teacher gives, without the way back to it. */
export function withoutTeacherGradient<B extends AnyBatch>(batch: B): B {
  const { teacher, view, formerSelf, classMaps, teacherNorms } = batch
  return {
    ...batch,
    ...(teacher && { teacher: detached(teacher) }),
    ...(formerSelf && { formerSelf: detached(formerSelf) }),
    ...(view?.teacher && { view: { ...view, teacher: detached(view.teacher) } }),
    ...(classMaps && { classMaps: { ...classMaps, teacher: classMaps.teacher.detach() } }),
    ...(teacherNorms && {
      teacherNorms: Object.fromEntries(
        Object.entries(teacherNorms).map(([name, { weight, bias }]) => [
          name,
          { weight: weight.detach(), bias: bias.detach() },
        ]),
      ),
    }),
  }
}

/** A side through which no gradient flows. */
export function detached({ logits, features, preActivations, taps }: Side): Side {
  const all = (tensors: Readonly<Record<string, Tensor>>) =>
    Object.fromEntries(Object.entries(tensors).map(([name, x]) => [name, x.detach()]))
  return {
    logits: logits.detach(),
    ...(features && { features: all(features) }),
    ...(preActivations && { preActivations: all(preActivations) }),
    ...(taps && { taps: all(taps) }),
  }
}
