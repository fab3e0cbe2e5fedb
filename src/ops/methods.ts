import type { FloatArray } from '../device/device.ts'
import { read, readItem, readNested } from '../graph/values.ts'
import type { Shape } from '../shape.ts'
import { type AnyTensor, type DType, type Nested, Tensor } from '../tensor.ts'
import * as bounds from './clamp.ts'
import * as elementwise from './elementwise.ts'
import * as indexing from './indexing.ts'
import * as lookup from './lookup.ts'
import * as products from './matmul.ts'
import type { SliceRange } from './movement.ts'
import * as movement from './movement.ts'
import type { PadOptions } from './pad.ts'
import * as padding from './pad.ts'
import * as pieces from './pieces.ts'
import * as rearrange from './rearrange.ts'
import type { Dims } from './reduce.ts'
import * as reduce from './reduce.ts'
import * as rounding from './rounding.ts'
import * as scan from './scan.ts'
import type { Sorted } from './sort.ts'
import * as sorting from './sort.ts'
import * as special from './special.ts'
import * as statistics from './statistics.ts'
import * as triangles from './triangles.ts'

type Operand = Tensor | number
type Mask = Tensor<'bool'>
type Index = Tensor<'int'>

/**
 * The vocabulary: every word a formula may use as a method. Written by hand, because gradients call methods and
 * TypeScript cannot infer a type from itself; a word that is missing below does not compile.
 */
export interface TensorMethods<D extends DType> {
  // Values: each of these waits for the device.
  /** The one element of a tensor of size 1. */
  item(this: AnyTensor): Promise<number>
  /** The elements in order: Float32Array (Float64Array on `reference`), Int32Array for 'int', Uint8Array for 'bool'. */
  data(this: Tensor<D>): Promise<D extends 'int' ? Int32Array : D extends 'bool' ? Uint8Array : FloatArray>
  /** The elements as nested arrays; a number for a scalar. */
  toArray(this: AnyTensor): Promise<Nested>

  // Elementwise; a number broadcasts.
  add(this: Tensor, b: Operand): Tensor
  sub(this: Tensor, b: Operand): Tensor
  mul(this: Tensor, b: Operand): Tensor
  div(this: Tensor, b: Operand): Tensor
  pow(this: Tensor, b: Operand): Tensor
  maximum(this: Tensor, b: Operand): Tensor
  minimum(this: Tensor, b: Operand): Tensor
  neg(this: Tensor): Tensor
  abs(this: Tensor): Tensor
  sign(this: Tensor): Tensor
  exp(this: Tensor): Tensor
  log(this: Tensor): Tensor
  sqrt(this: Tensor): Tensor
  square(this: Tensor): Tensor
  reciprocal(this: Tensor): Tensor
  tanh(this: Tensor): Tensor
  sigmoid(this: Tensor): Tensor
  relu(this: Tensor): Tensor
  rsqrt(this: Tensor): Tensor
  sin(this: Tensor): Tensor
  cos(this: Tensor): Tensor
  atan(this: Tensor): Tensor
  erf(this: Tensor): Tensor
  expm1(this: Tensor): Tensor
  log1p(this: Tensor): Tensor
  floor(this: Tensor): Tensor
  ceil(this: Tensor): Tensor
  round(this: Tensor): Tensor
  trunc(this: Tensor): Tensor
  clamp(this: Tensor, min?: Operand | null, max?: Operand | null): Tensor
  maskedFill(this: Tensor, mask: Mask, value: Operand): Tensor
  lt(this: Tensor, b: Operand): Mask
  le(this: Tensor, b: Operand): Mask
  gt(this: Tensor, b: Operand): Mask
  ge(this: Tensor, b: Operand): Mask
  eq(this: Tensor, b: Operand): Mask
  ne(this: Tensor, b: Operand): Mask

  // Over dims; all of them where left out.
  sum(this: Tensor, dims?: Dims, keepdim?: boolean): Tensor
  mean(this: Tensor, dims?: Dims, keepdim?: boolean): Tensor
  max(this: Tensor, dim?: number, keepdim?: boolean): Tensor
  min(this: Tensor, dim?: number, keepdim?: boolean): Tensor
  amax(this: Tensor, dims?: Dims, keepdim?: boolean): Tensor
  amin(this: Tensor, dims?: Dims, keepdim?: boolean): Tensor
  argmax(this: Tensor, dim?: number, keepdim?: boolean): Index
  argmin(this: Tensor, dim?: number, keepdim?: boolean): Index
  logSumExp(this: Tensor, dims?: Dims, keepdim?: boolean): Tensor
  softmax(this: Tensor, dim: number): Tensor
  logSoftmax(this: Tensor, dim: number): Tensor

  prod(this: Tensor, dims?: Dims, keepdim?: boolean): Tensor
  var(this: Tensor, dims?: Dims, unbiased?: boolean, keepdim?: boolean): Tensor
  std(this: Tensor, dims?: Dims, unbiased?: boolean, keepdim?: boolean): Tensor
  norm(this: Tensor, p?: number, dims?: Dims, keepdim?: boolean): Tensor
  cumsum(this: Tensor, dim: number): Tensor
  cumprod(this: Tensor, dim: number): Tensor
  sort(this: Tensor, dim?: number, descending?: boolean): Sorted
  topk(this: Tensor, k: number, dim?: number, largest?: boolean): Sorted

  // Products.
  matmul(this: Tensor, b: Tensor): Tensor

  // The same elements elsewhere.
  reshape(this: Tensor<D>, shape: Shape): Tensor<D>
  permute(this: Tensor<D>, dims: readonly number[]): Tensor<D>
  transpose(this: Tensor<D>, dim0?: number, dim1?: number): Tensor<D>
  expand(this: Tensor<D>, shape: Shape): Tensor<D>
  slice(this: Tensor<D>, ranges: readonly SliceRange[]): Tensor<D>
  flip(this: Tensor<D>, dims: number | readonly number[]): Tensor<D>
  squeeze(this: Tensor<D>, dim?: number | readonly number[]): Tensor<D>
  unsqueeze(this: Tensor<D>, dim: number): Tensor<D>
  flatten(this: Tensor<D>, startDim?: number, endDim?: number): Tensor<D>
  pad(this: Tensor<D>, padding: readonly number[], options?: PadOptions): Tensor<D>
  split(this: Tensor<D>, splitSizeOrSections: number | readonly number[], dim?: number): Tensor<D>[]
  chunk(this: Tensor<D>, chunks: number, dim?: number): Tensor<D>[]
  select(this: Tensor<D>, dim: number, index: number): Tensor<D>
  repeat(this: Tensor<D>, repeats: readonly number[]): Tensor<D>
  roll(this: Tensor<D>, shifts: number | readonly number[], dims?: number | readonly number[]): Tensor<D>
  diagonal(this: Tensor<D>, offset?: number, dim1?: number, dim2?: number): Tensor<D>
  tril(this: Tensor<D>, diagonal?: number): Tensor<D>
  triu(this: Tensor<D>, diagonal?: number): Tensor<D>
  gather(this: Tensor<D>, dim: number, index: Index): Tensor<D>
  indexSelect(this: Tensor<D>, dim: number, index: Index): Tensor<D>
  indexAdd(
    this: Tensor,
    dim: number,
    index: Index,
    source: Tensor,
    options?: { readonly alpha?: number },
  ): Tensor
  maskedSelect(this: Tensor<D>, mask: Mask): Tensor<D>
  scatter(this: Tensor, dim: number, index: Index, src: Operand): Tensor
  scatterAdd(this: Tensor, dim: number, index: Index, src: Tensor): Tensor

  // Meaning.
  /** The same values, through which no gradient flows. */
  detach(this: Tensor<D>): Tensor<D>
  /** Labels or a mask as numbers. */
  toFloat(this: AnyTensor): Tensor
}

const words = {
  ...elementwise,
  ...special,
  ...rounding,
  ...bounds,
  ...reduce,
  ...statistics,
  ...scan,
  ...sorting,
  ...movement,
  ...padding,
  ...pieces,
  ...rearrange,
  ...triangles,
  ...indexing,
  ...lookup,
  ...products,
  item: readItem,
  data: read,
  toArray: readNested,
}

const methods: readonly (keyof TensorMethods<DType>)[] = [
  ...(['item', 'data', 'toArray'] as const),
  ...(['add', 'sub', 'mul', 'div', 'pow', 'maximum', 'minimum', 'neg', 'abs', 'sign', 'exp', 'log'] as const),
  ...([
    'sqrt',
    'square',
    'reciprocal',
    'tanh',
    'sigmoid',
    'relu',
    'lt',
    'le',
    'gt',
    'ge',
    'eq',
    'ne',
  ] as const),
  ...(['rsqrt', 'sin', 'cos', 'atan', 'erf', 'expm1', 'log1p', 'floor', 'ceil', 'round', 'trunc'] as const),
  ...(['clamp', 'maskedFill'] as const),
  ...(['sum', 'mean', 'max', 'min', 'amax', 'amin', 'argmax', 'argmin'] as const),
  ...(['logSumExp', 'softmax', 'logSoftmax', 'matmul'] as const),
  ...(['prod', 'var', 'std', 'norm', 'cumsum', 'cumprod', 'sort', 'topk'] as const),
  ...(['reshape', 'permute', 'transpose', 'expand', 'slice', 'flip', 'squeeze', 'unsqueeze'] as const),
  ...(['split', 'chunk', 'select', 'repeat', 'roll', 'diagonal', 'tril', 'triu'] as const),
  ...(['indexSelect', 'indexAdd', 'maskedSelect'] as const),
  ...(['flatten', 'pad', 'gather', 'scatter', 'scatterAdd', 'detach', 'toFloat'] as const),
]

for (const name of methods) {
  const word = words[name] as (self: AnyTensor, ...rest: unknown[]) => unknown
  Object.defineProperty(Tensor.prototype, name, {
    value(this: AnyTensor, ...rest: unknown[]) {
      return word(this, ...rest)
    },
  })
}
