import { ValueError } from '../errors.ts'
import { type Draw, declareComposed, defineOp, type Input, type Sampler } from '../graph/define.ts'
import { broadcastShapes, sameShape } from '../shape.ts'
import { type AnyTensor, type DType, noParams, scalar, Tensor } from '../tensor.ts'
import { expand } from './movement.ts'

/** Where a test draws values from: [low, high], `distinct` to stay clear of kinks at ties. */
type Domain = Pick<Input, 'low' | 'high' | 'distinct'>

type Operand<D extends DType = 'float'> = Tensor<D> | number

/** One input. The gradient is written from `g` upstream, `x` the input, `y` the output. */
export function unary(
  name: string,
  expr: string,
  vjp: (g: Tensor, x: Tensor, y: Tensor) => Tensor,
  domain: Domain = {},
): (x: Tensor) => Tensor {
  const op = defineOp<[Tensor]>(name, {
    shape: ([x]) => x,
    forward: { expr },
    vjp: (g, [x], y) => [vjp(g, x, y)],
    samples: (draw) => ({ inputs: [{ shape: draw.shape(0, 4), ...domain }] }),
  })
  return (x) => op([x], noParams)
}

/** Two inputs that broadcast. */
function binary(
  name: string,
  expr: string,
  vjp: (g: Tensor, a: Tensor, b: Tensor, y: Tensor) => [Tensor, Tensor],
  domain: Domain = {},
): (a: Operand, b: Operand) => Tensor {
  const op = defineOp<[Tensor, Tensor]>(name, {
    shape: (shapes) => broadcastShapes(name, shapes),
    forward: { expr },
    vjp: (g, [a, b], y) => vjp(g, a, b, y),
    samples: pairs(domain),
  })
  return (a, b) => op(together(name, [a, b]) as [Tensor, Tensor], noParams)
}

/** Two inputs that broadcast to a mask. */
function comparison(name: string, expr: string): (a: Operand, b: Operand) => Tensor<'bool'> {
  const op = defineOp<[Tensor, Tensor], Record<never, never>, 'bool'>(name, {
    gives: 'bool',
    shape: (shapes) => broadcastShapes(name, shapes),
    forward: { expr },
    vjp: null,
    samples: pairs({}),
  })
  return (a, b) => op(together(name, [a, b]) as [Tensor, Tensor], noParams)
}

/** Broadcasts tensors to one shape; numbers stay numbers. Undoing it is the gradient of `expand`. */
export function together(name: string, operands: readonly (AnyTensor | number)[]): AnyTensor[] {
  const tensors: AnyTensor[] = []
  for (const o of operands) tensors.push(tensorOf(name, o))
  const shapes = tensors.map((t) => t.shape)
  const shape = broadcastShapes(name, shapes)
  for (let i = 0; i < tensors.length; i++) {
    const t = tensors[i]!
    if (!t.constant && !sameShape(t.shape, shape)) tensors[i] = expand(t, shape)
  }
  return tensors
}

function tensorOf(name: string, operand: AnyTensor | number): AnyTensor {
  if (typeof operand === 'number') return scalar(operand)
  if (operand instanceof Tensor) return operand
  throw new ValueError(
    `${name}: expected a tensor or a number, got ${typeof operand}. Wrap the value in tensor(...).`,
  )
}

/** Pairs of equal shape: broadcasting itself is sampled where it happens, in `expand`. */
const pairs =
  (domain: Domain): Sampler =>
  (draw: Draw) => {
    const shape = draw.shape(0, 4)
    return {
      inputs: [
        { shape, ...domain },
        { shape, ...domain },
      ],
    }
  }

const away = { low: 0.3, high: 3 }

//                          forward                  gradient, one entry per input
export const add = binary('add', 'a + b', (g) => [g, g])
export const sub = binary('sub', 'a - b', (g) => [g, g.neg()])
export const mul = binary('mul', 'a * b', (g, a, b) => [g.mul(b), g.mul(a)])
export const div = binary('div', 'a / b', (g, _a, b, y) => [g.div(b), g.mul(y).div(b).neg()], away)

/** The larger of two; a tie gives half the gradient to each, as PyTorch does. NaN wins. */
export const maximum = binary(
  'maximum',
  'a >= b ? a : b < 0.0 || b >= 0.0 ? (a < 0.0 || a >= 0.0 ? b : a) : b',
  (g, a, b) => extremeGrads(g, gt(a, b), lt(a, b)),
  { distinct: true },
)

/** The smaller of two; a tie gives half the gradient to each, as PyTorch does. NaN wins. */
export const minimum = binary(
  'minimum',
  'a <= b ? a : b < 0.0 || b >= 0.0 ? (a < 0.0 || a >= 0.0 ? b : a) : b',
  (g, a, b) => extremeGrads(g, lt(a, b), gt(a, b)),
  { distinct: true },
)

function extremeGrads(g: Tensor, first: Tensor<'bool'>, second: Tensor<'bool'>): [Tensor, Tensor] {
  const half = g.mul(0.5)
  return [where(first, g, where(second, 0, half)), where(second, g, where(first, 0, half))]
}

export const neg = unary('neg', '-a', (g) => g.neg())
export const abs = unary('abs', 'Math.abs(a)', (g, x) => g.mul(sign(x)), away)
export const exp = unary('exp', 'Math.exp(a)', (g, _x, y) => g.mul(y))
/** The natural logarithm: -Infinity at 0, NaN below. */
export const log = unary('log', 'log(a)', (g, x) => g.div(x), away)
export const sqrt = unary('sqrt', 'Math.sqrt(a)', (g, _x, y) => g.div(y.mul(2)), away)
/** 1 / sqrt(x), as `torch.rsqrt`. */
export const rsqrt = unary('rsqrt', '1.0 / Math.sqrt(a)', (g, x, y) => g.mul(y).div(x).mul(-0.5), away)
export const square = unary('square', 'a * a', (g, x) => g.mul(x).mul(2))
export const reciprocal = unary('reciprocal', '1.0 / a', (g, _x, y) => g.mul(y.square()).neg(), away)
export const atan = unary('atan', 'Math.atan(a)', (g, x) => g.div(x.square().add(1)))
/** The hyperbolic tangent. */
export const tanh = unary('tanh', 'tanh(a)', (g, _x, y) => g.mul(y.square().neg().add(1)))
/** 1 / (1 + exp(-x)), without overflow. */
export const sigmoid = unary('sigmoid', 'sigmoid(a)', (g, _x, y) => g.mul(y.mul(y.neg().add(1))))

/** max(x, 0); the gradient at 0 is 0. NaN stays NaN. */
export const relu = unary(
  'relu',
  'a < 0.0 ? 0.0 : a',
  // By the result and not by the input, which then need not be kept.
  (g, _x, y) => where(gt(y, 0), g, 0),
  away,
)

const signOp = defineOp<[Tensor]>('sign', {
  shape: ([x]) => x,
  forward: { expr: 'a > 0.0 ? 1.0 : a < 0.0 ? -1.0 : a' },
  vjp: null,
  samples: (draw) => ({ inputs: [{ shape: draw.shape(0, 4) }] }),
})

/** -1, 0 or 1; NaN stays NaN. */
export const sign = (x: Tensor): Tensor => signOp([x], noParams)

export const lt = comparison('lt', 'a < b ? 1.0 : 0.0')
export const le = comparison('le', 'a <= b ? 1.0 : 0.0')
export const gt = comparison('gt', 'a > b ? 1.0 : 0.0')
export const ge = comparison('ge', 'a >= b ? 1.0 : 0.0')
export const eq = comparison('eq', 'a == b ? 1.0 : 0.0')
export const ne = comparison('ne', 'a == b ? 0.0 : 1.0')

const whereOp = defineOp<[Tensor<'bool'>, Tensor, Tensor]>('where', {
  takes: ['bool', 'float'],
  shape: (shapes) => broadcastShapes('where', shapes),
  forward: { expr: 'a > 0.5 ? b : c' },
  vjp: (g, [mask]) => [null, where(mask, g, 0), where(mask, 0, g)],
  samples: (draw) => {
    const shape = draw.shape(0, 4)
    return { inputs: [{ shape, dtype: 'bool' }, { shape }, { shape }] }
  },
})

/** `a` where the mask is set, else `b`; all three broadcast. Only the chosen side gets a gradient. */
export function where(mask: Tensor<'bool'>, a: Operand, b: Operand): Tensor {
  return whereOp(together('where', [mask, a, b]) as [Tensor<'bool'>, Tensor, Tensor], noParams)
}

/**
 * `x` with `value` where the mask is set, as `Tensor.masked_fill`; all broadcast. No gradient flows to x there.
 *
 * @throws ShapeError where the shapes do not broadcast.
 */
export function maskedFill(x: Tensor, mask: Tensor<'bool'>, value: Operand): Tensor {
  const [set, filled, kept] = together('maskedFill', [mask, value, x])
  return where(set as Tensor<'bool'>, filled as Tensor, kept as Tensor)
}

const powOp = defineOp<[Tensor, Tensor]>('pow', {
  shape: (shapes) => broadcastShapes('pow', shapes),
  forward: { expr: 'pow(a, b)' },
  vjp: (g, [a, b], y) => [
    // a^0 does not move with a, where 0 * 0^-1 would be NaN.
    g.mul(b).mul(pow(a, where(eq(b, 0), 1, b).sub(1))),
    // 0^b does not move with b >= 0, where y * log(0) would be NaN or infinite.
    g.mul(y).mul(log(where(eq(a, 0), ge(b, 0).toFloat(), a))),
  ],
  samples: (draw) => {
    const shape = draw.shape(0, 3)
    return {
      inputs: [
        { shape, ...away },
        { shape, low: -2, high: 3 },
      ],
    }
  },
})

/** a^b. A negative base needs a whole exponent. */
export function pow(a: Tensor, b: Operand): Tensor {
  if (b === 2) return square(a)
  if (b === 1) return a
  return powOp(together('pow', [a, b]) as [Tensor, Tensor], noParams)
}

declareComposed(
  'maskedFill',
  (draw) => {
    const shape = draw.shape(0, 3)
    return { inputs: [{ shape }, { shape, dtype: 'bool' }] }
  },
  ([x, mask]) => maskedFill(x!, mask as AnyTensor as Tensor<'bool'>, 0.5),
)
