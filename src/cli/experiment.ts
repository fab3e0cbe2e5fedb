import { existsSync } from 'node:fs'
import { balancedSubset, type Dataset } from '../data/dataset.ts'
import { datasetNames, loadDataset, sourceNames, splitValidation, withLabelNoise } from '../data/index.ts'
import { UsageError } from '../errors.ts'
import { shapesOnly } from '../nn/init.ts'
import { Dropout } from '../nn/layers/dropout.ts'
import { type Model, models } from '../nn/models/index.ts'
import { Random } from '../random.ts'
import type { Experiment } from '../train/experiment.ts'
import type { Method } from '../train/method.ts'
import type { Recipe } from '../train/recipes.ts'
import { readWeights } from '../train/weights-file.ts'
import { cacheFolder } from './cache-folder.ts'
import type { DistillFlags } from './distill.ts'
import { oneOf } from './suggest.ts'
import { teacherFlags, trainingOf } from './training-flags.ts'

/** The images of an experiment. */
export interface Data {
  readonly train: Dataset
  readonly validation: Dataset | undefined
  readonly test: Dataset
}

/**
 * The data set that the flags name: of it, as many images as they ask for, some of them held back, labels of the others
 * made wrong. The same for every seed.
 */
export function dataOf(flags: DistillFlags): Data {
  const name = oneOf('dataset', flags.dataset, datasetNames)
  const builtIn = name === 'glyphs'
  if (builtIn && flags.dataDir !== undefined)
    throw new UsageError(
      `data-dir: glyphs are built in, got ${flags.dataDir}. Name another --dataset, or drop it.`,
    )
  const { trainImages, testImages } = flags
  const random = new Random(0).fork('data')
  const how = {
    ...(flags.classes === undefined ? {} : { labels: flags.classes }),
    ...(flags.layout === undefined ? {} : { layout: flags.layout }),
    ...(flags.testFraction === undefined ? {} : { testFraction: flags.testFraction }),
  }
  const loaded = builtIn
    ? loadDataset(name, {
        ...how,
        ...(trainImages === undefined ? {} : { trainImages }),
        ...(testImages === undefined ? {} : { testImages }),
      })
    : loadDataset(name, {
        ...how,
        folder: flags.dataDir ?? fetched(name),
      })
  const fewer = (dataset: Dataset, images: number | undefined, flag: string) => {
    if (builtIn || images === undefined) return dataset
    checkImages(flag, images, dataset)
    return balancedSubset(dataset, images, random.fork(flag))
  }
  const all = fewer(loaded.train, trainImages, 'train-images')
  const test = fewer(loaded.test, testImages, 'test-images')
  const { train, validation } = flags.val
    ? splitValidation(all, flags.val, random.fork('validation'))
    : { train: all, validation: undefined }
  const noisy = flags.labelNoise
    ? withLabelNoise(train, flags.labelNoise, random.fork('label noise')).dataset
    : train
  return { train: noisy, validation, test }
}

/** The folder into which `kdgrad data fetch` has put a data set. */
function fetched(name: string): string {
  const folder = cacheFolder(name)
  if (existsSync(folder)) return folder
  const fetch = (sourceNames as readonly string[]).includes(name) ? `, or run kdgrad data fetch ${name}` : ''
  throw new UsageError(
    `data-dir: ${name} needs a folder with its files, got none. Add --data-dir <folder>${fetch}.`,
  )
}

function checkImages(flag: string, wanted: number, { name, size }: Dataset): void {
  if (wanted > size)
    throw new UsageError(
      `${flag}: ${name} has fewer images, got ${wanted} of ${size}. Ask for at most ${size}.`,
    )
}

export function experimentOf(
  flags: DistillFlags,
  recipe: Recipe,
  { train, validation, test }: Data,
  methods: readonly Method[],
): Experiment {
  if (recipe.studentImages !== undefined) checkImages('labels', recipe.studentImages, train)
  const student = trainingOf(flags, recipe.student.epochs)
  const waiting = [
    ...((flags.patience ?? flags.teacherPatience) === undefined ? [] : ['patience']),
    ...([flags.schedule, flags.teacherSchedule].includes('plateau') ? ['schedule plateau'] : []),
  ]
  if (validation === undefined && waiting.length > 0)
    throw new UsageError(
      `${waiting[0]}: it waits for a better validation accuracy, got no validation set. Add --val 0.1.`,
    )
  return {
    train,
    test,
    validation,
    studentImages: recipe.studentImages,
    makeTeacher: maker('teacher', flags.teacher, train, flags.teacherDropout),
    teacherWeights: flags.teacherWeights === undefined ? undefined : readWeights(flags.teacherWeights),
    makeStudent: maker('student', flags.student, train),
    teacher: trainingOf(teacherFlags(flags), recipe.teacher.epochs),
    student,
    methods,
    seeds: Array.from({ length: flags.seeds }, (_, i) => flags.seed + i),
    evaluateEvery: flags.evaluateEvery ?? Math.ceil(student.epochs / 10),
  }
}

/** Makes the named model for the images of a data set. */
function maker(
  role: string,
  name: string,
  { shape, classes }: Dataset,
  dropout?: number,
): (seed: number) => Model {
  const make = models.get(oneOf(role, name, [...models.keys()]))!
  const options = {
    inChannels: shape[0],
    size: [shape[1], shape[2]] as const,
    classes,
    ...(dropout === undefined ? {} : { dropout }),
  }
  const drops = (model: Model) => [...model.namedModules().values()].some((part) => part instanceof Dropout)
  if (dropout && !drops(shapesOnly(() => make({ ...options, seed: 0 }))))
    throw new UsageError(`${role}-dropout: ${name} has no dropout, got ${dropout}. Leave it out.`)
  return (seed) => make({ ...options, seed })
}
