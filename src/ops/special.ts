import type { Tensor } from '../tensor.ts'
import { unary } from './elementwise.ts'

/** The sine of x in radians, as `torch.sin`; elementwise. */
export const sin = unary('sin', 'sin(a)', (g, x) => g.mul(cos(x)))

/** The cosine of x in radians, as `torch.cos`; elementwise. */
export const cos: (x: Tensor) => Tensor = unary('cos', 'cos(a)', (g, x) => g.mul(sin(x)).neg())

/** exp(x) - 1 without the loss of digits near 0, as `torch.expm1`; elementwise. */
export const expm1 = unary('expm1', 'expm1(a)', (g, x) => g.mul(x.exp()))

/** log(1 + x) without the loss of digits near 0, as `torch.log1p`; elementwise, NaN below -1. */
export const log1p = unary('log1p', 'log1p(a)', (g, x) => g.div(x.add(1)), { low: -0.7, high: 3 })

/** The error function 2 / sqrt(pi) * (integral of exp(-t^2) from 0 to x), as `torch.erf`; elementwise. */
export const erf = unary('erf', 'erf(a)', (g, x) =>
  g.mul(
    x
      .square()
      .neg()
      .exp()
      .mul(2 / Math.sqrt(Math.PI)),
  ),
)

/** exp(x^2) (1 - erf(x)), which keeps its digits where 1 - erf(x) has none left, as `torch.special.erfcx`; elementwise. */
export const erfcx: (x: Tensor) => Tensor = unary('erfcx', 'erfcx(a)', (g, x, y) =>
  g.mul(
    x
      .mul(y)
      .mul(2)
      .sub(2 / Math.sqrt(Math.PI)),
  ),
)
