import { fused } from '../ops/fused.ts'
import { scalar, type Tensor } from '../tensor.ts'

// Formulas that several optimisers step by. Tensors have a parameter's shape, settings are numbers; the gradient g
// counts with the L2 penalty weightDecay * p added.

/** The average after one more gradient: kept * average + share * g. */
export const averaged = fused(
  'averaged',
  ['average', 'g', 'p', 'weightDecay', 'kept', 'share'],
  'a * e + (b + c * d) * f',
  null,
)

/** The average of squares after one more gradient: kept * average + share * g^2. */
export const averagedSquare = fused(
  'averagedSquare',
  ['average', 'g', 'p', 'weightDecay', 'kept', 'share'],
  'a * e + (b + c * d) * (b + c * d) * f',
  null,
)

/**
 * g / (sqrt(square - mean^2) + eps), with a mean of 0 for gradients that are not centred. The variance of a gradient
 * that never changes is 0 and may round to less: it counts as 0.
 */
export const rootScaled = fused(
  'rootScaled',
  ['g', 'p', 'square', 'mean', 'weightDecay', 'eps'],
  '(a + b * e) / (Math.sqrt(c - d * d < 0.0 ? 0.0 : c - d * d) + f)',
  null,
  [
    [
      { low: -2, high: 2 },
      { low: -2, high: 2 },
      { low: 2, high: 4 },
      { low: -1, high: 1 },
      { low: 0, high: 1 },
      { low: 0.3, high: 1 },
    ],
  ],
)

/** p - rate * direction. */
export const descended = fused('descended', ['p', 'direction', 'rate'], 'a - b * c', null)

/** Settings as tensors that all parameters share: the same maths with the same numbers becomes one kernel. */
export const shared = <K extends string>(
  settings: Readonly<Record<K, number>>,
): Readonly<Record<K, Tensor>> =>
  Object.fromEntries(
    Object.entries<number>(settings).map(([name, value]) => [name, scalar(value)]),
  ) as Record<K, Tensor>
