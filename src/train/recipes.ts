import type { Settings } from '../losses/index.ts'
import type { Training } from './training.ts'

/** A setting in which distillation is known to help, measured over several seeds. */
export interface Recipe {
  /** Where the setting is described. */
  readonly source: string
  /** Labelled images the student gets; undefined: all. */
  readonly studentImages: number | undefined
  readonly teacher: Training
  readonly student: Training
  /** Parameters that differ from a loss's published defaults. */
  readonly parameters: Readonly<Record<string, Settings>>
}

/**
 * What the published defaults are not meant for here. DKD's beta 8 is for a hundred classes; with ten, 1 to 2 is where it
 * helps. CRD's 16,384 negatives are more than there are images. FSP compares networks of equal channels only; an adapter
 * lets it compare these.
 */
const smallData = (images: number): Recipe['parameters'] => ({
  dkd: { beta: 2 },
  lskdDkd: { beta: 18 },
  crd: { negatives: Math.max(1, Math.min(128, Math.floor(images / 2))) },
  fsp: { adapter: true },
})

/**
 * The recipe of a data set: 'glyphs' is a student of 300 images under a teacher of 3,000, 'mnist' the same networks on
 * the real digits, where a student of few images gains and one of all of them hardly does.
 */
export function recipeOf(dataset: string, trainImages: number, studentImages?: number): Recipe {
  const images = studentImages ?? (dataset === 'glyphs' ? 300 : undefined)
  return {
    source: 'docs/distill.md',
    studentImages: images,
    teacher: { epochs: 4, batchSize: 64, learningRate: 0.004, optimizer: 'adam' },
    student: { epochs: studentEpochs(images), batchSize: 32, learningRate: 0.005, optimizer: 'adam' },
    parameters: smallData(images ?? trainImages),
  }
}

/** Few images need many passes; all of MNIST has seen enough after three. */
const studentEpochs = (images = Number.POSITIVE_INFINITY): number =>
  images <= 500 ? 30 : images <= 2000 ? 15 : 3
