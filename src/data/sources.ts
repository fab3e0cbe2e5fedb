/** A file to be fetched. */
export interface SourceFile {
  readonly name: string
  /** What its publisher says, in hexadecimal. */
  readonly md5: string
  /** Of a .tar.gz: the files in it that are kept, by the last part of their names. */
  readonly members?: readonly string[]
}

export interface Source {
  /** Folders on the web that hold all files, tried in this order. */
  readonly mirrors: readonly string[]
  readonly files: readonly SourceFile[]
}

/** Four IDX files with these checksums: training images and labels, test images and labels. */
const idxFiles = (...md5: readonly [string, string, string, string]): SourceFile[] =>
  ['train-images-idx3', 'train-labels-idx1', 't10k-images-idx3', 't10k-labels-idx1'].map((stem, i) => ({
    name: `${stem}-ubyte.gz`,
    md5: md5[i]!,
  }))

const TORONTO = 'https://www.cs.toronto.edu/~kriz/'

/**
 * Where the data sets are and what their files must be. The checksums are those of torchvision (MNIST), of Fashion-MNIST's
 * own page, and of https://www.cs.toronto.edu/~kriz/cifar.html.
 */
export const sources = {
  mnist: {
    mirrors: [
      'https://ossci-datasets.s3.amazonaws.com/mnist/',
      'https://storage.googleapis.com/cvdf-datasets/mnist/',
    ],
    files: idxFiles(
      'f68b3c2dcbeaaa9fbdd348bbdeb94873',
      'd53e105ee54ea40749a09fcbcd1e9432',
      '9fb629c4189551a2d022fa330f9573f3',
      'ec29112dd5afa0611ce80d1b7f02629c',
    ),
  },
  'fashion-mnist': {
    mirrors: [
      'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/',
      'https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/',
    ],
    files: idxFiles(
      '8d4fb7e6c68d591d4c3dfef9ec88bf0d',
      '25c81989df183df01b3e8a0aad5dffbe',
      'bef4ecab320f06d8554ea6380940ec79',
      'bb300cfdad3c16e7a12a480ee83cd310',
    ),
  },
  cifar10: {
    mirrors: [TORONTO],
    files: [
      {
        name: 'cifar-10-binary.tar.gz',
        md5: 'c32a1d4ab5d03f1284b67883e8d87530',
        members: [...[1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`), 'test_batch.bin', 'batches.meta.txt'],
      },
    ],
  },
  cifar100: {
    mirrors: [TORONTO],
    files: [
      {
        name: 'cifar-100-binary.tar.gz',
        md5: '03b5dce01913d631647c71ecec9e9cb8',
        members: ['train.bin', 'test.bin', 'fine_label_names.txt', 'coarse_label_names.txt'],
      },
    ],
  },
} satisfies Record<string, Source>

export type SourceName = keyof typeof sources

/** The data sets that can be fetched. */
export const sourceNames = Object.keys(sources) as SourceName[]
