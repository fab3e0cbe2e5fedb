import * as kd from '../../src/index.ts'
import type { AnyTensor, Tensor } from '../../src/tensor.ts'
import { type Case, leavesOf } from './fixtures.ts'

/** What a case of operations computes: its outputs as graph. */
export type Outputs = Readonly<Record<string, AnyTensor>>

/** The inputs of the cases below, under the names that the format gives them. */
interface Inputs {
  readonly x: Tensor
  readonly a: Tensor
  readonly b: Tensor
  readonly src: Tensor
  readonly input: Tensor
  readonly weight: Tensor
  readonly posWeight: Tensor | undefined
  readonly var: Tensor
  readonly anchor: Tensor
  readonly positive: Tensor
  readonly negative: Tensor
  readonly exponent: Tensor
  readonly bias: Tensor | undefined
  readonly runningMean: Tensor | undefined
  readonly runningVar: Tensor | undefined
  readonly target: Tensor
  readonly index: Tensor<'int'>
  readonly mask: Tensor<'bool'>
}

/** PyTorch's arguments, under its names; null where the argument is left out. */
interface Arguments {
  readonly dim: number
  readonly keepdim: boolean
  readonly unbiased: boolean
  readonly p: number
  readonly k: number
  readonly descending: boolean
  readonly largest: boolean
  readonly equation: string
  readonly dims: readonly number[]
  readonly shape: readonly number[]
  readonly output_size: number
  readonly output_padding: number
  readonly ceil_mode: boolean
  readonly count_include_pad: boolean
  readonly num_groups: number
  readonly normalized_shape: readonly number[]
  readonly size: readonly [number, number]
  readonly align_corners: boolean
  readonly stride: number
  readonly padding: number
  readonly dilation: number
  readonly groups: number
  readonly training: boolean
  readonly momentum: number
  readonly eps: number
  readonly kernel_size: number
  readonly reduction: 'mean' | 'sum' | 'none'
  readonly log_target: boolean
  readonly label_smoothing: number
  readonly ignore_index: number
  readonly margin: number
  readonly swap: boolean
  readonly full: boolean
  readonly beta: number
  readonly delta: number
  readonly threshold: number
  readonly alpha: number
  readonly negative_slope: number
  readonly approximate: 'none' | 'tanh'
  readonly min: number | null
  readonly max: number | null
  readonly exponent: number
  readonly value: number
  readonly num_classes: number
  readonly start_dim: number
  readonly end_dim: number
  readonly dim0: number
  readonly dim1: number
  readonly pad: readonly number[]
  readonly mode: kd.PadMode
  readonly split_size_or_sections: number | readonly number[]
  readonly chunks: number
  readonly index: number
  readonly repeats: readonly number[]
  readonly shifts: number | readonly number[]
  readonly offset: number
  readonly diagonal: number
  readonly upscale_factor: number
  readonly padding_idx: number | null
  readonly transposeFirst?: readonly [number, number]
  readonly ranges: readonly (readonly [number, number, number])[]
}

type Call = (inputs: Inputs, args: Arguments, all: readonly Tensor[]) => AnyTensor | Outputs

const unary =
  (f: (x: Tensor) => AnyTensor): Call =>
  ({ x }) =>
    f(x)
const binary =
  (f: (a: Tensor, b: Tensor) => AnyTensor): Call =>
  ({ a, b }) =>
    f(a, b)
const alongDims =
  (f: (x: Tensor, dims?: kd.Dims, keepdim?: boolean) => AnyTensor): Call =>
  ({ x }, { dim, keepdim }) =>
    f(x, dim ?? undefined, keepdim)
const alongDim =
  (f: (x: Tensor, dim?: number, keepdim?: boolean) => AnyTensor): Call =>
  ({ x }, { dim, keepdim }) =>
    f(x, dim ?? undefined, keepdim)

/** Parts under the names that the format gives them. */
const numbered = (parts: readonly Tensor[]): Outputs =>
  Object.fromEntries(parts.map((part, i) => [`y${i}`, part]))

/** The library's call for each operation; the key is the case's `op`. */
const calls: Readonly<Record<string, Call>> = {
  abs: unary(kd.abs),
  exp: unary(kd.exp),
  log: unary(kd.log),
  neg: unary(kd.neg),
  reciprocal: unary(kd.reciprocal),
  relu: unary(kd.relu),
  sigmoid: unary(kd.sigmoid),
  sign: unary(kd.sign),
  sqrt: unary(kd.sqrt),
  square: unary(kd.square),
  tanh: unary(kd.tanh),
  atan: unary(kd.atan),
  ceil: unary(kd.ceil),
  cos: unary(kd.cos),
  erf: unary(kd.erf),
  expm1: unary(kd.expm1),
  floor: unary(kd.floor),
  hardsigmoid: unary(kd.hardsigmoid),
  hardswish: unary(kd.hardswish),
  log1p: unary(kd.log1p),
  log_sigmoid: unary(kd.logSigmoid),
  mish: unary(kd.mish),
  relu6: unary(kd.relu6),
  round: unary(kd.round),
  rsqrt: unary(kd.rsqrt),
  selu: unary(kd.selu),
  silu: unary(kd.silu),
  sin: unary(kd.sin),
  trunc: unary(kd.trunc),
  clamp: ({ x }, { min, max }) => kd.clamp(x, min, max),
  elu: ({ x }, { alpha }) => kd.elu(x, alpha),
  gelu: ({ x }, { approximate }) => kd.gelu(x, { approximate }),
  leaky_relu: ({ x }, { negative_slope }) => kd.leakyRelu(x, negative_slope),
  masked_fill: ({ x, mask }, { value }) => kd.maskedFill(x, mask, value),
  softplus: ({ x }, { beta, threshold }) => kd.softplus(x, beta, threshold),

  add: binary(kd.add),
  sub: binary(kd.sub),
  mul: binary(kd.mul),
  div: binary(kd.div),
  maximum: binary(kd.maximum),
  minimum: binary(kd.minimum),
  eq: binary(kd.eq),
  ne: binary(kd.ne),
  lt: binary(kd.lt),
  le: binary(kd.le),
  gt: binary(kd.gt),
  ge: binary(kd.ge),
  matmul: binary(kd.matmul),
  pow: ({ x, exponent }) => kd.pow(x, exponent),
  pow_scalar: ({ x }, { exponent }) => kd.pow(x, exponent),
  where: ({ mask, a, b }) => kd.where(mask, a, b),

  sum: alongDims(kd.sum),
  mean: alongDims(kd.mean),
  amax: alongDims(kd.amax),
  amin: alongDims(kd.amin),
  logsumexp: alongDims(kd.logSumExp),
  argmax: alongDim(kd.argmax),
  argmin: alongDim(kd.argmin),
  max: ({ x }, { dim, keepdim }) => ({
    values: kd.max(x, dim, keepdim),
    indices: kd.argmax(x, dim, keepdim),
  }),
  min: ({ x }, { dim, keepdim }) => ({
    values: kd.min(x, dim, keepdim),
    indices: kd.argmin(x, dim, keepdim),
  }),
  max_all: unary((x) => kd.max(x)),
  min_all: unary((x) => kd.min(x)),
  softmax: ({ x }, { dim }) => kd.softmax(x, dim),
  log_softmax: ({ x }, { dim }) => kd.logSoftmax(x, dim),

  prod: alongDims(kd.prod),
  var: ({ x }, { dim, unbiased, keepdim }) => kd.var(x, dim ?? undefined, unbiased, keepdim),
  std: ({ x }, { dim, unbiased, keepdim }) => kd.std(x, dim ?? undefined, unbiased, keepdim),
  norm: ({ x }, { p, dim, keepdim }) => kd.norm(x, p, dim ?? undefined, keepdim),
  cumsum: ({ x }, { dim }) => kd.cumsum(x, dim),
  cumprod: ({ x }, { dim }) => kd.cumprod(x, dim),
  sort: ({ x }, { dim, descending }) => ({ ...kd.sort(x, dim, descending) }),
  topk: ({ x }, { k, dim, largest }) => ({ ...kd.topk(x, k, dim, largest) }),
  einsum: (_, { equation }, all) => kd.einsum(equation, ...all),
  cdist: ({ a, b }, { p }) => kd.cdist(a, b, p),
  pairwise_distance: ({ a, b }, { p, eps }) => kd.pairwiseDistance(a, b, { p, eps }),
  cosine_similarity: ({ a, b }, { dim, eps }) => kd.cosineSimilarity(a, b, { dim, eps }),
  normalize: ({ x }, { p, dim, eps }) => kd.normalize(x, { p, dim, eps }),

  linear: ({ x, weight, bias }) => kd.linear(x, weight, bias),
  conv2d: ({ x, weight, bias }, { stride, padding, dilation, groups }) =>
    kd.conv2d(x, weight, { bias, stride, padding, dilation, groups }),
  batch_norm: ({ x, runningMean, runningVar, weight, bias }, { training, momentum, eps }) => {
    const given = { runningMean, runningVar, weight, bias, training, momentum, eps }
    const { y, ...after } = kd.batchNorm(x, given)
    return {
      y,
      ...(runningMean && { runningMean: after.runningMean(runningMean) }),
      ...(runningVar && { runningVar: after.runningVar(runningVar) }),
    }
  },
  layer_norm: ({ x, weight, bias }, { normalized_shape, eps }) =>
    kd.layerNorm(x, normalized_shape, { weight, bias, eps }),
  group_norm: ({ x, weight, bias }, { num_groups, eps }) =>
    kd.groupNorm(x, num_groups, { weight, bias, eps }),
  instance_norm: ({ x, weight, bias }, { eps }) => kd.instanceNorm(x, { weight, bias, eps }),
  conv1d: ({ x, weight, bias }, { stride, padding, dilation, groups }) =>
    kd.conv1d(x, weight, { bias, stride, padding, dilation, groups }),
  conv_transpose2d: ({ x, weight, bias }, { stride, padding, output_padding, groups, dilation }) =>
    kd.convTranspose2d(x, weight, { bias, stride, padding, outputPadding: output_padding, groups, dilation }),
  max_pool2d: ({ x }, { kernel_size, stride, padding, dilation, ceil_mode }) =>
    kd.maxPool2d(x, kernel_size, { stride, padding, dilation: dilation ?? 1, ceilMode: ceil_mode ?? false }),
  avg_pool2d: ({ x }, { kernel_size, stride, padding, ceil_mode, count_include_pad }) =>
    kd.avgPool2d(x, kernel_size, {
      stride,
      padding,
      ceilMode: ceil_mode,
      countIncludePad: count_include_pad,
    }),
  adaptive_avg_pool2d: ({ x }, { output_size }) => kd.adaptiveAvgPool2d(x, output_size),
  adaptive_max_pool2d: ({ x }, { output_size }) => kd.adaptiveMaxPool2d(x, output_size),
  upsample_nearest: ({ x }, { size }) => kd.interpolate(x, { size }),
  upsample_bilinear: ({ x }, { size, align_corners }) =>
    kd.interpolate(x, { size, mode: 'bilinear', alignCorners: align_corners }),
  dropout: ({ x }, { p, training }) => kd.dropout(x, p, { training }),

  reshape: ({ x }, { shape, transposeFirst }) =>
    kd.reshape(transposeFirst ? kd.transpose(x, ...transposeFirst) : x, shape),
  permute: ({ x }, { dims }) => kd.permute(x, dims),
  transpose: ({ x }, { dim0, dim1 }) => kd.transpose(x, dim0, dim1),
  expand: ({ x }, { shape }) => kd.expand(x, shape),
  slice: ({ x }, { ranges }) => kd.slice(x, ranges),
  flip: ({ x }, { dims }) => kd.flip(x, dims),
  squeeze: ({ x }, { dim }) => kd.squeeze(x, dim),
  unsqueeze: ({ x }, { dim }) => kd.unsqueeze(x, dim),
  flatten: ({ x }, { start_dim, end_dim }) => kd.flatten(x, start_dim, end_dim),
  pad: ({ x }, { pad, mode, value }) => kd.pad(x, pad, { mode, value }),
  split: ({ x }, { split_size_or_sections, dim }) => numbered(kd.split(x, split_size_or_sections, dim)),
  chunk: ({ x }, { chunks, dim }) => numbered(kd.chunk(x, chunks, dim)),
  select: ({ x }, { dim, index }) => kd.select(x, dim, index),
  repeat: ({ x }, { repeats }) => kd.repeat(x, repeats),
  roll: ({ x }, { shifts, dims }) => kd.roll(x, shifts, dims),
  diagonal: ({ x }, { offset }) => kd.diagonal(x, offset),
  tril: ({ x }, { diagonal }) => kd.tril(x, diagonal),
  triu: ({ x }, { diagonal }) => kd.triu(x, diagonal),
  unfold: ({ x }, { kernel_size, dilation, padding, stride }) =>
    kd.unfold(x, kernel_size, { dilation, padding, stride }),
  pixel_shuffle: ({ x }, { upscale_factor }) => kd.pixelShuffle(x, upscale_factor),
  cat: (_, { dim }, all) => kd.cat(all, dim),
  stack: (_, { dim }, all) => kd.stack(all, dim),

  gather: ({ x, index }, { dim }) => kd.gather(x, dim, index),
  scatter: ({ x, index, src }, { dim }) => kd.scatter(x, dim, index, src),
  scatter_add: ({ x, index, src }, { dim }) => kd.scatterAdd(x, dim, index, src),
  scatter_value: ({ x, index }, { dim, value }) => kd.scatter(x, dim, index, value),
  index_select: ({ x, index }, { dim }) => kd.indexSelect(x, dim, index),
  index_add: ({ x, index, src }, { dim }) => kd.indexAdd(x, dim, index, src),
  masked_select: ({ x, mask }) => kd.maskedSelect(x, mask),
  embedding: ({ index, weight }, { padding_idx }) =>
    kd.embedding(index, weight, { paddingIdx: padding_idx ?? undefined }),
  one_hot: ({ index }, { num_classes }) => kd.oneHot(index, num_classes),

  kl_div: ({ input, target }, { reduction, log_target }) =>
    kd.klDiv(input, target, { reduction, logTarget: log_target }),
  cross_entropy: ({ input, target, weight }, { reduction, label_smoothing, ignore_index }) =>
    kd.crossEntropy(input, target, {
      reduction,
      weight,
      labelSmoothing: label_smoothing,
      ignoreIndex: ignore_index,
    }),
  nll_loss: ({ input, target, weight }, { reduction, ignore_index }) =>
    kd.nllLoss(input, target as AnyTensor as Tensor<'int'>, { reduction, weight, ignoreIndex: ignore_index }),
  bce: ({ input, target }, { reduction }) => kd.binaryCrossEntropy(input, target, { reduction }),
  bce_with_logits: ({ input, target, weight, posWeight }, { reduction }) =>
    kd.binaryCrossEntropyWithLogits(input, target, { reduction, weight, posWeight }),
  mse_loss: ({ input, target }, { reduction }) => kd.mseLoss(input, target, { reduction }),
  l1_loss: ({ input, target }, { reduction }) => kd.l1Loss(input, target, { reduction }),
  huber_loss: ({ input, target }, { reduction, delta }) => kd.huberLoss(input, target, { reduction, delta }),
  smooth_l1_loss: ({ input, target }, { reduction, beta }) =>
    kd.smoothL1Loss(input, target, { reduction, beta }),
  gaussian_nll_loss: ({ input, target, var: variance }, { reduction, full, eps }) =>
    kd.gaussianNllLoss(input, target, variance, { reduction, full, eps }),
  margin_ranking_loss: ({ a, b, target }, { margin, reduction }) =>
    kd.marginRankingLoss(a, b, target, { margin, reduction }),
  cosine_embedding_loss: ({ a, b, target }, { margin, reduction }) =>
    kd.cosineEmbeddingLoss(a, b, target, { margin, reduction }),
  triplet_margin_loss: ({ anchor, positive, negative }, { margin, p, eps, swap, reduction }) =>
    kd.tripletMarginLoss(anchor, positive, negative, { margin, p, eps, swap, reduction }),
}

/** The outputs of an operation's case, or null where the operation is not mapped. */
export function buildOp(c: Case, leaves = leavesOf(c)): Outputs | null {
  const call = Object.hasOwn(calls, c.op ?? '') ? calls[c.op!]! : null
  if (!call) return null
  // The format fixes names and kinds for each operation, which is what these two types say.
  const made = call(
    leaves as unknown as Inputs,
    c.params as unknown as Arguments,
    Object.values(leaves) as Tensor[],
  )
  return 'shape' in made && 'op' in made ? { y: made as AnyTensor } : (made as Outputs)
}
