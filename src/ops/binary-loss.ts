import { declareComposed } from '../graph/define.ts'
import { withGradient } from '../graph/with-gradient.ts'
import type { Tensor } from '../tensor.ts'
import { logSigmoid } from './activations.ts'
import { checkSameShape, drawnPair, type LossOptions, reduceBy } from './loss-options.ts'
import { log1p } from './special.ts'

/**
 * Minus the log-likelihood of targets in [0, 1] under probabilities `input`, as
 * `torch.nn.functional.binary_cross_entropy`: logarithms are cut off at -100, and p (1 - p) in the gradient at 1e-12.
 * `weight` broadcasts.
 *
 * @throws ShapeError where input and target differ in shape.
 */
export function binaryCrossEntropy(
  input: Tensor,
  target: Tensor,
  { reduction = 'mean', weight }: LossOptions & { readonly weight?: Tensor | undefined } = {},
): Tensor {
  checkSameShape('binaryCrossEntropy', { input, target }, 'Give one target per probability')
  const logP = input.log().maximum(-100)
  const logQ = log1p(input.neg()).maximum(-100)
  const rest = target.neg().add(1)
  const loss = withGradient(
    'binaryCrossEntropy',
    target.mul(logP).add(rest.mul(logQ)).neg(),
    [input, target],
    (g) => [
      g.mul(input.sub(target)).div(input.mul(input.neg().add(1)).maximum(1e-12)),
      g.mul(logQ.sub(logP)),
    ],
  )
  return reduceBy(weight ? loss.mul(weight) : loss, reduction)
}

/**
 * `binaryCrossEntropy` of sigmoid(input), for logits of any size, as
 * `torch.nn.functional.binary_cross_entropy_with_logits`. `weight` scales each loss and `posWeight` the part of the
 * positive targets; both broadcast.
 *
 * @throws ShapeError where input and target differ in shape.
 */
export function binaryCrossEntropyWithLogits(
  input: Tensor,
  target: Tensor,
  {
    reduction = 'mean',
    weight,
    posWeight,
  }: LossOptions & { readonly weight?: Tensor | undefined; readonly posWeight?: Tensor | undefined } = {},
): Tensor {
  checkSameShape('binaryCrossEntropyWithLogits', { input, target }, 'Give one target per logit')
  const positive = target.mul(logSigmoid(input))
  const negative = target.neg().add(1).mul(logSigmoid(input.neg()))
  const loss = (posWeight ? positive.mul(posWeight) : positive).add(negative).neg()
  return reduceBy(weight ? loss.mul(weight) : loss, reduction)
}

declareComposed(
  'binaryCrossEntropy',
  drawnPair({ low: 0.1, high: 0.9 }, { low: 0, high: 1 }, [{}]),
  ([input, target], settings) => binaryCrossEntropy(input!, target!, settings),
)
declareComposed(
  'binaryCrossEntropyWithLogits',
  (draw) => {
    const shape = draw.shape(0, 3)
    const weights = { shape, low: 0.3, high: 2 }
    return {
      inputs: [{ shape, low: -4, high: 4 }, { shape, low: 0, high: 1 }, weights, weights],
      params: { reduction: draw.pick(['mean', 'sum', 'none']) },
    }
  },
  ([input, target, weight, posWeight], settings) =>
    binaryCrossEntropyWithLogits(input!, target!, { ...settings, weight, posWeight }),
)
