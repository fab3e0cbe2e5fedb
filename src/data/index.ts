export { type Augmentation, blackOf, compose, type Fill, viewsOf } from './augment.ts'
export { type CropOptions, randomCrop } from './augment-crop.ts'
export { type CutoutOptions, cutout } from './augment-cutout.ts'
export { horizontalFlip } from './augment-flip.ts'
export { type Mixed, type MixupOptions, mixup } from './augment-mixup.ts'
export { type RandAugmentOptions, type RandOpName, randAugment, randAugmentOps } from './augment-rand.ts'
export { loadCifar10, loadCifar100, readCifar } from './cifar.ts'
export { balancedSubset, batches, checkDataset, type Dataset, type Normalisation, subset } from './dataset.ts'
export { decodeImage } from './decode-image.ts'
export { type FetchOptions, fetchDataset, fetchSource } from './fetch-dataset.ts'
export { type FolderOptions, loadFolder } from './folder.ts'
export { type GlyphOptions, glyphNames, glyphs } from './glyphs.ts'
export { type IdxArray, readIdx } from './idx.ts'
export type { Image } from './image.ts'
export { type DatasetName, datasetNames, type LoadOptions, loadDataset } from './load.ts'
export type { LoadedData } from './loaded.ts'
export { loadMnist, type MnistOptions } from './mnist.ts'
export { withLabelNoise } from './noise.ts'
export { loadNpz, type NpzOptions, readNpz } from './npz.ts'
export {
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsData,
  type SafetensorsEntry,
  type SafetensorsFile,
} from './safetensors.ts'
export { type Source, type SourceFile, type SourceName, sourceNames } from './sources.ts'
export { splitValidation } from './split.ts'
