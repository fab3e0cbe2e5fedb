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
  readonly dims: readonly number[]
  readonly shape: readonly number[]
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
  readonly exponent: number
  readonly value: number
  readonly num_classes: number
  readonly start_dim: number
  readonly end_dim: number
  readonly dim0: number
  readonly dim1: number
  readonly pad: readonly number[]
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
  max_pool2d: ({ x }, { kernel_size, stride, padding, dilation }) =>
    kd.maxPool2d(x, kernel_size, { stride, padding, dilation: dilation ?? 1 }),
  avg_pool2d: ({ x }, { kernel_size, stride, padding }) => kd.avgPool2d(x, kernel_size, { stride, padding }),

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
  pad: ({ x }, { pad, value }) => kd.pad(x, pad, value),
  cat: (_, { dim }, all) => kd.cat(all, dim),
  stack: (_, { dim }, all) => kd.stack(all, dim),

  gather: ({ x, index }, { dim }) => kd.gather(x, dim, index),
  scatter: ({ x, index, src }, { dim }) => kd.scatter(x, dim, index, src),
  scatter_add: ({ x, index, src }, { dim }) => kd.scatterAdd(x, dim, index, src),
  scatter_value: ({ x, index }, { dim, value }) => kd.scatter(x, dim, index, value),
  one_hot: ({ index }, { num_classes }) => kd.oneHot(index, num_classes),

  kl_div: ({ input, target }, { reduction, log_target }) =>
    kd.klDiv(input, target, { reduction, logTarget: log_target }),
  cross_entropy: ({ input, target }, { reduction, label_smoothing }) =>
    kd.crossEntropy(input, target, { reduction, labelSmoothing: label_smoothing }),
}

export const opNames: readonly string[] = Object.keys(calls)

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
