import { defineOp } from '../graph/define.ts'
import { noParams, type Tensor } from '../tensor.ts'

/** Steps: flat almost everywhere, so that gradients through them are 0, as PyTorch has them. */
function step(name: string, expr: string): (x: Tensor) => Tensor {
  const op = defineOp<[Tensor]>(name, {
    shape: ([x]) => x,
    forward: { expr },
    vjp: null,
    samples: (draw) => ({ inputs: [{ shape: draw.shape(0, 4), low: -4, high: 4 }] }),
  })
  return (x) => op([x], noParams)
}

/** The largest whole number that is not above x, as `torch.floor`; elementwise. The gradient is 0. */
export const floor = step('floor', 'Math.floor(a)')

/** The smallest whole number that is not below x, as `torch.ceil`; elementwise. The gradient is 0. */
export const ceil = step('ceil', 'Math.ceil(a)')

/** The whole number next to x on the side of 0, as `torch.trunc`; elementwise. The gradient is 0. */
export const trunc = step('trunc', 'a < 0.0 ? Math.ceil(a) : Math.floor(a)')

/** The nearest whole number, the even one at a half, as `torch.round`; elementwise. The gradient is 0. */
export const round = step(
  'round',
  'a - Math.floor(a) < 0.5 ? Math.floor(a) : a - Math.floor(a) > 0.5 ? Math.floor(a) + 1.0 : Math.floor(Math.floor(a) * 0.5) * 2.0 == Math.floor(a) ? Math.floor(a) : Math.floor(a) + 1.0',
)
