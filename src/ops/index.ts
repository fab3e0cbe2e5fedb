export { type Conv2dOptions, conv2d } from './conv.ts'
export {
  abs,
  add,
  div,
  eq,
  exp,
  ge,
  gt,
  le,
  log,
  lt,
  maximum,
  minimum,
  mul,
  ne,
  neg,
  pow,
  reciprocal,
  relu,
  sigmoid,
  sign,
  sqrt,
  square,
  sub,
  tanh,
  where,
} from './elementwise.ts'
export { cat, gather, oneHot, scatter, scatterAdd, scatterMask, stack } from './indexing.ts'
export { crossEntropy, klDiv, type Reduction } from './loss.ts'
export { linear, matmul } from './matmul.ts'
export {
  detach,
  expand,
  flatten,
  flip,
  pad,
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
export { avgPool2d, maxPool2d, type PoolOptions } from './pool.ts'
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
  softmax,
  sum,
} from './reduce.ts'
