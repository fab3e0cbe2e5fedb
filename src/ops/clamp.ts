import { ValueError } from '../errors.ts'
import type { Tensor } from '../tensor.ts'
import { ge, gt, le, lt, where } from './elementwise.ts'
import { fused } from './fused.ts'

const isNumber = (x: string) => `(${x} < 0.0 || ${x} >= 0.0)`

// A bound that is NaN makes the result NaN, as in PyTorch; an element that is NaN meets neither bound and stays.
const clampOp = fused(
  'clamp',
  ['x', 'min', 'max'],
  `${isNumber('b')} && ${isNumber('c')} ? (a < b ? (b > c ? c : b) : a > c ? c : a) : b + c`,
  (g, x, min, max) => [
    where(ge(x, min), where(le(x, max), g, 0), 0),
    where(lt(x, min), where(lt(min, max), g, 0), 0),
    where(gt(x, max), g, where(gt(min, max), g, 0)),
  ],
  [
    [
      { low: -0.5, high: 0.5 },
      { low: -2, high: -1 },
      { low: 1, high: 2 },
    ],
    [
      { low: -4, high: -3 },
      { low: -2, high: -1 },
      { low: 1, high: 2 },
    ],
    [
      { low: 3, high: 4 },
      { low: -2, high: -1 },
      { low: 1, high: 2 },
    ],
    [
      { low: -0.5, high: 0.5 },
      { low: 1, high: 2 },
      { low: -2, high: -1 },
    ],
  ],
)

/**
 * min(max(x, min), max), as `torch.clamp`; each bound is a number, a tensor that broadcasts, or left out (null). At a
 * bound itself the gradient is 1; beyond it belongs to the bound.
 *
 * @throws ValueError where both bounds are left out.
 * @throws ShapeError where the shapes do not broadcast.
 */
export function clamp(x: Tensor, min?: Tensor | number | null, max?: Tensor | number | null): Tensor {
  if ((min ?? null) === null && (max ?? null) === null)
    throw new ValueError('clamp: expected a bound, got neither min nor max. Give at least one of them.')
  return clampOp(x, min ?? Number.NEGATIVE_INFINITY, max ?? Number.POSITIVE_INFINITY)
}
