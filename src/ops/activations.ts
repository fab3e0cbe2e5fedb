import { ValueError } from '../errors.ts'
import { checkDType, declareComposed } from '../graph/define.ts'
import { withGradient } from '../graph/with-gradient.ts'
import type { Tensor } from '../tensor.ts'
import { exp, ge, gt, le, lt, sigmoid, unary, where } from './elementwise.ts'
import { fused } from './fused.ts'
import { erf, expm1, log1p } from './special.ts'

const below = { low: -3, high: -0.3 }
const above = { low: 0.3, high: 3 }
const setting = { low: 0.2, high: 1.5 }

const leakyReluOp = fused(
  'leakyRelu',
  ['x', 'negativeSlope'],
  'a > 0.0 ? a : a * b',
  (g, x, slope) => [where(gt(x, 0), g, g.mul(slope)), where(gt(x, 0), 0, g.mul(x))],
  [
    [below, setting],
    [above, setting],
  ],
)

/** x above 0, negativeSlope * x below, as `torch.nn.functional.leaky_relu`; the slope at 0 is the negative one. */
export const leakyRelu = (x: Tensor, negativeSlope = 0.01): Tensor => leakyReluOp(x, negativeSlope)

const eluOp = fused(
  'elu',
  ['x', 'alpha'],
  'a > 0.0 ? a : b * expm1(a)',
  (g, x, alpha) => {
    // Above 0 the exponential may overflow, and even an unused infinity spoils the second derivative.
    const negative = where(gt(x, 0), 0, x)
    return [where(gt(x, 0), g, g.mul(alpha).mul(exp(negative))), where(gt(x, 0), 0, g.mul(expm1(negative)))]
  },
  [
    [below, setting],
    [above, setting],
  ],
)

/** x above 0, alpha * (exp(x) - 1) below, as `torch.nn.functional.elu`; elementwise. */
export const elu = (x: Tensor, alpha = 1): Tensor => eluOp(x, alpha)

/** elu with the alpha and the scale that keep activations of mean 0 and variance 1, as `torch.nn.functional.selu`. */
export function selu(x: Tensor): Tensor {
  checkDType('selu', x, 'float')
  return elu(x, 1.6732632423543772).mul(1.0507009873554805)
}

const relu6Op = fused(
  'relu6',
  ['x'],
  'a < 0.0 ? 0.0 : a > 6.0 ? 6.0 : a',
  (g, x) => [where(le(x, 0), 0, where(ge(x, 6), 0, g))],
  [[below], [above], [{ low: 6.3, high: 9 }]],
)

/** min(max(x, 0), 6), as `torch.nn.functional.relu6`; the gradient is 0 at 0 and at 6. */
export const relu6 = (x: Tensor): Tensor => relu6Op(x)

// PyTorch rounds the slope to float32 in float64 too; being off by 3e-8 is the price of giving its numbers.
const SIXTH = Math.fround(1 / 6)

const hardsigmoidOp = fused(
  'hardsigmoid',
  ['x'],
  'a < -3.0 ? 0.0 : a > 3.0 ? 1.0 : (a + 3.0) / 6.0',
  (g, x) => [where(gt(x, -3), where(lt(x, 3), g.mul(SIXTH), 0), 0)],
  [[{ low: -6, high: -3.3 }], [{ low: -2.7, high: 2.7 }], [{ low: 3.3, high: 6 }]],
)

/** relu6(x + 3) / 6, as `torch.nn.functional.hardsigmoid`; the gradient is 0 at -3 and at 3. */
export const hardsigmoid = (x: Tensor): Tensor => hardsigmoidOp(x)

const hardswishOp = fused(
  'hardswish',
  ['x'],
  'a < -3.0 ? 0.0 : a > 3.0 ? a : a * (a + 3.0) / 6.0',
  (g, x) => [where(lt(x, -3), 0, where(le(x, 3), g.mul(x.div(3).add(0.5)), g))],
  [[{ low: -6, high: -3.3 }], [{ low: -2.7, high: 2.7 }], [{ low: 3.3, high: 6 }]],
)

/** x * relu6(x + 3) / 6, as `torch.nn.functional.hardswish`; at -3 and 3 it has the slope of the curve between. */
export const hardswish = (x: Tensor): Tensor => hardswishOp(x)

/** x * sigmoid(x), as `torch.nn.functional.silu`; elementwise. */
export const silu = unary('silu', 'a * sigmoid(a)', (g, x) => {
  const s = sigmoid(x)
  return g.mul(s.add(x.mul(s).mul(sigmoid(x.neg()))))
})

/** log(1 + exp(x)), which never overflows; its gradient is the sigmoid, not that of its parts. */
function logOnePlusExp(x: Tensor): Tensor {
  const values = x.relu().add(log1p(x.abs().neg().exp()))
  return withGradient('logOnePlusExp', values, [x], (g) => [g.mul(sigmoid(x))])
}

/**
 * log(1 + exp(beta * x)) / beta, as `torch.nn.functional.softplus`: x itself where beta * x is above `threshold`.
 * Elementwise.
 */
export function softplus(x: Tensor, beta = 1, threshold = 20): Tensor {
  checkDType('softplus', x, 'float')
  const scaled = beta === 1 ? x : x.mul(beta)
  const smooth = logOnePlusExp(scaled)
  return where(gt(scaled, threshold), x, beta === 1 ? smooth : smooth.div(beta))
}

/** log(sigmoid(x)), as `torch.nn.functional.logsigmoid`: finite where the sigmoid rounds to 0. Elementwise. */
export function logSigmoid(x: Tensor): Tensor {
  checkDType('logSigmoid', x, 'float')
  return logOnePlusExp(x.neg()).neg()
}

// tanh(log(1 + e)) is n / (n + 2), n = e (e + 2), in the form that stays right where n is 0 or infinite.
const mishGate = '1.0 / (1.0 + 2.0 / (Math.exp(a) * (Math.exp(a) + 2.0)))'

/** x * tanh(softplus(x)), as `torch.nn.functional.mish`; elementwise. */
export const mish = unary('mish', `a * (${mishGate})`, (g, x) => {
  const gate = logOnePlusExp(x).tanh()
  return g.mul(gate.add(x.mul(sigmoid(x)).mul(gate.square().neg().add(1))))
})

const geluExact = unary('gelu', `0.5 * a * (1.0 + erf(a * ${Math.SQRT1_2}))`, (g, x) => {
  const below = erf(x.mul(Math.SQRT1_2)).add(1).mul(0.5)
  const density = x
    .square()
    .mul(-0.5)
    .exp()
    .div(Math.sqrt(2 * Math.PI))
  return g.mul(below.add(x.mul(density)))
})

// 0.5 * (1 + tanh(u)) is sigmoid(2u), which keeps the digits of the lower tail.
const CURVE = 0.044715
const SCALE = 2 * Math.sqrt(2 / Math.PI)
const geluTanh = unary('geluTanh', `a * sigmoid(${SCALE} * a * (1.0 + ${CURVE} * a * a))`, (g, x) => {
  const square = x.square()
  const u = x.mul(square.mul(CURVE).add(1)).mul(SCALE)
  const s = sigmoid(u)
  const slope = square
    .mul(3 * CURVE)
    .add(1)
    .mul(SCALE)
  return g.mul(s.add(x.mul(s).mul(sigmoid(u.neg())).mul(slope)))
})

/**
 * x * P(normal <= x), as `torch.nn.functional.gelu`; elementwise. `approximate: 'tanh'` is the older approximation
 * 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
 *
 * @throws ValueError where `approximate` is neither 'none' nor 'tanh'.
 */
export function gelu(x: Tensor, { approximate = 'none' }: { approximate?: 'none' | 'tanh' } = {}): Tensor {
  if (approximate !== 'none' && approximate !== 'tanh')
    throw new ValueError(
      `gelu: approximate must be 'none' or 'tanh', got '${approximate}'. Choose one of them.`,
    )
  return approximate === 'tanh' ? geluTanh(x) : geluExact(x)
}

declareComposed(
  'selu',
  (draw) => ({ inputs: [{ shape: draw.shape(0, 4), ...draw.pick([below, above]) }] }),
  ([x]) => selu(x!),
)
declareComposed(
  'softplus',
  (draw) => ({
    inputs: [{ shape: draw.shape(0, 4), low: -2, high: 2 }],
    params: draw.pick([
      { beta: 1, threshold: 20 },
      { beta: 2.5, threshold: 8 },
      { beta: 0.5, threshold: -3 },
    ]),
  }),
  ([x], { beta, threshold }) => softplus(x!, beta as number, threshold as number),
)
declareComposed(
  'logSigmoid',
  (draw) => ({ inputs: [{ shape: draw.shape(0, 4), low: -4, high: 4 }] }),
  ([x]) => logSigmoid(x!),
)
