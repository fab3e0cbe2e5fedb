export {
  elu,
  gelu,
  hardsigmoid,
  hardswish,
  leakyRelu,
  logSigmoid,
  mish,
  relu6,
  selu,
  silu,
  softplus,
} from './activations.ts'
export { adaptiveAvgPool2d, adaptiveMaxPool2d, type OutputSize } from './adaptive-pool.ts'
export { binaryCrossEntropy, binaryCrossEntropyWithLogits } from './binary-loss.ts'
export { clamp } from './clamp.ts'
export { type Conv2dOptions, conv2d } from './conv.ts'
export { type ConvTranspose2dOptions, convTranspose2d } from './conv-transpose.ts'
export { type Conv1dOptions, conv1d } from './conv1d.ts'
export {
  type CosineSimilarityOptions,
  cdist,
  cosineSimilarity,
  type NormalizeOptions,
  normalize,
  type PairwiseDistanceOptions,
  pairwiseDistance,
} from './distance.ts'
export { type DropoutOptions, dropout } from './dropout.ts'
export { einsum } from './einsum.ts'
export {
  abs,
  add,
  atan,
  div,
  eq,
  exp,
  ge,
  gt,
  le,
  log,
  lt,
  maskedFill,
  maximum,
  minimum,
  mul,
  ne,
  neg,
  pow,
  reciprocal,
  relu,
  rsqrt,
  sigmoid,
  sign,
  sqrt,
  square,
  sub,
  tanh,
  where,
} from './elementwise.ts'
export { cat, gather, oneHot, scatter, scatterAdd, scatterMask, stack } from './indexing.ts'
export { groupNorm, instanceNorm, layerNorm, type NormOptions } from './layer-norm.ts'
export { type EmbeddingOptions, embedding, indexAdd, indexSelect, maskedSelect } from './lookup.ts'
export {
  type ClassLossOptions,
  type CrossEntropyOptions,
  crossEntropy,
  klDiv,
  nllLoss,
} from './loss.ts'
export type { LossOptions, Reduction } from './loss-options.ts'
export {
  cosineEmbeddingLoss,
  type MarginLossOptions,
  marginRankingLoss,
  type TripletMarginOptions,
  tripletMarginLoss,
} from './margin-loss.ts'
export { linear, matmul } from './matmul.ts'
export {
  detach,
  expand,
  flatten,
  flip,
  permute,
  reshape,
  type SliceRange,
  slice,
  squeeze,
  toFloat,
  transpose,
  unsqueeze,
} from './movement.ts'
export { type BatchNormOptions, type BatchNormResult, batchNorm } from './normalise.ts'
export { type PadMode, type PadOptions, pad } from './pad.ts'
export { pixelShuffle, type UnfoldOptions, unfold } from './patches.ts'
export { chunk, select, split } from './pieces.ts'
export { type AvgPoolOptions, avgPool2d, type MaxPoolOptions, maxPool2d, type PoolOptions } from './pool.ts'
export { repeat, roll } from './rearrange.ts'
export {
  amax,
  amin,
  argmax,
  argmin,
  type Dims,
  logSoftmax,
  logSumExp,
  max,
  mean,
  min,
  prod,
  softmax,
  sum,
} from './reduce.ts'
export { gaussianNllLoss, huberLoss, l1Loss, mseLoss, smoothL1Loss } from './regression-loss.ts'
export { ceil, floor, round, trunc } from './rounding.ts'
export { cumprod, cumsum } from './scan.ts'
export { type Sorted, sort, topk } from './sort.ts'
export { cos, erf, expm1, log1p, sin } from './special.ts'
export { norm, std, var } from './statistics.ts'
export { diagonal, tril, triu } from './triangles.ts'
export { type InterpolateOptions, interpolate } from './upsample.ts'
