import { expect, test } from 'vitest'
import {
  atan,
  ceil,
  cos,
  elu,
  erf,
  expm1,
  floor,
  gelu,
  hardsigmoid,
  hardswish,
  leakyRelu,
  log1p,
  logSigmoid,
  mish,
  relu6,
  round,
  rsqrt,
  selu,
  silu,
  sin,
  softplus,
  type Tensor,
  tensor,
  trunc,
} from '../../src/index.ts'

const labels = tensor(Int32Array.of(0, 1)) as unknown as Tensor

/** Functions of one tensor of numbers: labels are refused in the function's own name. */
const UNARY: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  ...{ atan, ceil, cos, erf, expm1, floor, log1p, round, rsqrt, sin, trunc },
  ...{ elu, gelu, hardsigmoid, hardswish, leakyRelu, logSigmoid, mish, relu6, selu, silu, softplus },
}

test.each(Object.entries(UNARY))('%s refuses labels', (name, word) => {
  expect(() => word(labels)).toThrow(
    `${name}: expected a float tensor, got int [2]. Convert it with toFloat().`,
  )
})
