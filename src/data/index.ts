export { balancedSubset, batches, checkDataset, type Dataset, subset } from './dataset.ts'
export { type GlyphOptions, glyphNames, glyphs } from './glyphs.ts'
export { type IdxArray, readIdx } from './idx.ts'
export { loadMnist } from './mnist.ts'
export {
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsData,
  type SafetensorsEntry,
  type SafetensorsFile,
} from './safetensors.ts'
