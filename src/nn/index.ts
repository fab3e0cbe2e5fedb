export { Random } from '../random.ts'
export {
  constant,
  fanIn,
  type Init,
  kaimingNormal,
  kaimingUniform,
  normal,
  shapesOnly,
  uniform,
  zero,
} from './init.ts'
export { BatchNorm2d, type BatchNorm2dOptions } from './layers/batch-norm2d.ts'
export { channelShuffle } from './layers/channel-shuffle.ts'
export { ConvTranspose2d, type ConvTranspose2dLayerOptions } from './layers/conv-transpose2d.ts'
export { Conv2d, type Conv2dLayerOptions } from './layers/conv2d.ts'
export { Dropout } from './layers/dropout.ts'
export { Linear, type LinearOptions } from './layers/linear.ts'
export { type Layer, type Seen, Sequential } from './layers/sequential.ts'
export { type LoadReport, Module } from './module.ts'
export { type TappedOutput, tapped } from './taps.ts'
