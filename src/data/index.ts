export { loadCifar10, loadCifar100, readCifar } from './cifar.ts'
export { balancedSubset, batches, checkDataset, type Dataset, type Normalisation, subset } from './dataset.ts'
export { decodeImage } from './decode-image.ts'
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
export { splitValidation } from './split.ts'
