import type { Schedule } from './distill.ts'

/** A setting in which distillation is known to help, measured over several seeds. */
export interface Recipe {
  /** Where the setting is described. */
  readonly source: string
  /** Labelled images the student gets; undefined: all. */
  readonly studentImages: number | undefined
  readonly teacher: Schedule
  readonly student: Schedule
  /** Parameters that differ from a loss's published defaults. */
  readonly parameters: Readonly<Record<string, Readonly<Record<string, number>>>>
}

/** beta 8 is meant for a hundred classes; with ten, 1 to 2 is where DKD helps. */
const tenClasses = { dkd: { beta: 2 } }

/**
 * The recipe of a data set: 'glyphs' is a student of 300 images under a teacher of 3,000, 'mnist' the same networks on
 * the real digits, where a student of few images gains and one of all of them hardly does.
 */
export function recipeOf(dataset: 'glyphs' | 'mnist', studentImages?: number): Recipe {
  const images = studentImages ?? (dataset === 'glyphs' ? 300 : undefined)
  return {
    source: 'docs/distill.md',
    studentImages: images,
    teacher: { epochs: 4, batchSize: 64, learningRate: 0.004, optimizer: 'adam' },
    student: { epochs: studentEpochs(images), batchSize: 32, learningRate: 0.005, optimizer: 'adam' },
    parameters: tenClasses,
  }
}

/** Few images need many passes; all of MNIST has seen enough after three. */
const studentEpochs = (images = Number.POSITIVE_INFINITY): number =>
  images <= 500 ? 30 : images <= 2000 ? 15 : 3
