// What needs no files: `kdgrad/data` in a browser, and the first half of it in Node.
export { type Augmentation, blackOf, compose, type Fill, viewsOf } from './augment.ts'
export { type CropOptions, randomCrop } from './augment-crop.ts'
export { type CutoutOptions, cutout } from './augment-cutout.ts'
export { horizontalFlip } from './augment-flip.ts'
export { type Mixed, type MixupOptions, mixup } from './augment-mixup.ts'
export { type RandAugmentOptions, type RandOpName, randAugment, randAugmentOps } from './augment-rand.ts'
export { balancedSubset, batches, checkDataset, type Dataset, type Normalisation, subset } from './dataset.ts'
export { decodeImage } from './decode-image.ts'
export { type GlyphOptions, glyphNames, glyphs } from './glyphs.ts'
export { type IdxArray, readIdx } from './idx.ts'
export type { Image } from './image.ts'
export { withLabelNoise } from './noise.ts'
export {
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsData,
  type SafetensorsEntry,
  type SafetensorsFile,
} from './safetensors.ts'
export { splitValidation } from './split.ts'
