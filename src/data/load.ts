import { ValueError } from '../errors.ts'
import { loadCifar10, loadCifar100 } from './cifar.ts'
import type { Normalisation } from './dataset.ts'
import { loadFolder } from './folder.ts'
import { glyphNormalisation, glyphs } from './glyphs.ts'
import type { HoldOut, LoadedData } from './loaded.ts'
import { loadMnist } from './mnist.ts'
import { published } from './normalise.ts'
import { loadNpz, type NpzOptions } from './npz.ts'

export interface LoadOptions extends HoldOut {
  /** Where its files are; for `npz` the file itself will do. */
  readonly folder?: string
  /** Instead of the published one, or the one computed from the training images. */
  readonly normalisation?: Normalisation
  /** CIFAR-100's labels: the 100 fine ones by default, or the 20 coarse ones. */
  readonly labels?: 'fine' | 'coarse'
  /** Where the channels of a .npz file are, if its shape does not say. */
  readonly layout?: 'NHWC' | 'NCHW'
  /** Number of training and test images of `glyphs`. */
  readonly trainImages?: number
  readonly testImages?: number
}

interface Entry {
  /** The options that it knows besides its folder. */
  readonly takes: readonly (keyof LoadOptions)[]
  /** Whether it has files. */
  readonly files: boolean
  readonly load: (folder: string, options: LoadOptions) => LoadedData
}

const holdOut = ['normalisation', 'testFraction', 'seed'] as const

const registry = {
  glyphs: {
    takes: ['trainImages', 'testImages', 'seed'],
    files: false,
    load: (_, { trainImages: train, testImages: test, seed }) => ({
      ...glyphs(given({ train, test, seed })),
      normalisation: glyphNormalisation,
    }),
  },
  mnist: { takes: ['normalisation'], files: true, load: loadMnist },
  'fashion-mnist': {
    takes: ['normalisation'],
    files: true,
    load: (folder, { normalisation = published['fashion-mnist'] }) =>
      loadMnist(folder, { name: 'fashion-mnist', normalisation }),
  },
  cifar10: { takes: ['normalisation'], files: true, load: loadCifar10 },
  cifar100: { takes: ['normalisation', 'labels'], files: true, load: loadCifar100 },
  npz: {
    takes: [...holdOut, 'layout'],
    files: true,
    load: (path, options: NpzOptions) => loadNpz(path, options),
  },
  folder: { takes: holdOut, files: true, load: loadFolder },
} satisfies Record<string, Entry>

export type DatasetName = keyof typeof registry

/** The names that `loadDataset` knows. */
export const datasetNames = Object.keys(registry) as DatasetName[]

/**
 * The data set of this name: `glyphs` (drawn, no files), `mnist`, `fashion-mnist`, `cifar10`, `cifar100`, `npz` (arrays) or
 * `folder` (images by class), normalised. Throws ValueError on another name or an option that this one does not know,
 * DataError on files that are missing or damaged.
 */
export function loadDataset(name: string, options: LoadOptions = {}): LoadedData {
  if (!Object.hasOwn(registry, name))
    throw new ValueError(
      `loadDataset: there is no data set of this name, got ${name}. Choose from ${datasetNames.join(', ')}.`,
    )
  const { takes, files, load }: Entry = registry[name as DatasetName]
  const { folder, ...others } = options
  const unknown = Object.entries(others).find(
    ([key, value]) => value !== undefined && !takes.includes(key as keyof LoadOptions),
  )
  if (unknown)
    throw new ValueError(
      `loadDataset: ${name} has no such option, got ${unknown[0]} ${String(unknown[1])}. It takes ${[...(files ? ['folder'] : []), ...takes].join(', ')}.`,
    )
  if (files !== (folder !== undefined))
    throw new ValueError(
      files
        ? `loadDataset: ${name} is read from files, got no folder. Pass the folder that they are in.`
        : `loadDataset: ${name} is built in, got folder ${folder}. Drop it.`,
    )
  return load(folder ?? '', others)
}

/** The settings that are not undefined. */
const given = <T extends object>(settings: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as never
