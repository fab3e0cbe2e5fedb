import { ShapeError, show, showAll, ValueError } from '../errors.ts'
import { declareComposed } from '../graph/define.ts'
import { sameShape } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { gt, where } from './elementwise.ts'
import { logSoftmax } from './reduce.ts'

/** How a loss per element or per sample becomes the result. */
export type Reduction = 'none' | 'mean' | 'sum'

const reduceBy = (loss: Tensor, reduction: Reduction): Tensor =>
  reduction === 'none' ? loss : reduction === 'sum' ? loss.sum() : loss.mean()

/**
 * Pointwise target * (log target - input), as `torch.nn.functional.kl_div`: `input` are log-probabilities, `target`
 * probabilities (log-probabilities with `logTarget`), both of one shape. A target of 0 contributes 0. 'batchmean' (the
 * mathematical divergence) sums and divides by the first size; 'mean' divides by the number of elements.
 *
 * @throws ShapeError where the shapes differ.
 */
export function klDiv(
  input: Tensor,
  target: Tensor,
  {
    reduction = 'mean',
    logTarget = false,
  }: { reduction?: Reduction | 'batchmean'; logTarget?: boolean } = {},
): Tensor {
  if (!sameShape(input.shape, target.shape))
    throw new ShapeError(
      `klDiv: input and target differ in shape, got ${showAll([input.shape, target.shape])}. Give log-probabilities and probabilities of the same batch.`,
    )
  const loss = logTarget
    ? weighted(target.exp(), target.sub(input))
    : weighted(target, where(gt(target, 0), target, 1).log().sub(input))
  return reduction === 'batchmean' ? loss.sum().div(input.shape[0] ?? 1) : reduceBy(loss, reduction)
}

/** p * d, where a probability of 0 gives 0 even if d is infinite. */
const weighted = (p: Tensor, d: Tensor): Tensor => p.mul(where(gt(p, 0), d, 0))

/**
 * Cross-entropy of logits [N, C] against labels [N] or class probabilities [N, C], as
 * `torch.nn.functional.cross_entropy`.
 *
 * @throws ShapeError where they do not belong to one batch.
 * @throws ValueError where a label known at build time is not in 0 to C - 1.
 */
export function crossEntropy(
  logits: Tensor,
  target: Tensor<'int'> | Tensor,
  { reduction = 'mean', labelSmoothing = 0 }: { reduction?: Reduction; labelSmoothing?: number } = {},
): Tensor {
  if (logits.rank !== 2)
    throw new ShapeError(`crossEntropy: expected logits [N, C], got ${show(logits.shape)}. Reshape them.`)
  if (labelSmoothing < 0 || labelSmoothing > 1)
    throw new ValueError(
      `crossEntropy: labelSmoothing must be between 0 and 1, got ${labelSmoothing}. Choose another.`,
    )
  const [n, c] = logits.shape as [number, number]
  const logP = logSoftmax(logits, 1)
  const smooth = (hard: Tensor) =>
    labelSmoothing === 0 ? hard : hard.mul(1 - labelSmoothing).add(logP.mean(1).neg().mul(labelSmoothing))
  if (isLabels(target)) {
    if (!sameShape(target.shape, [n])) throw misfit(logits, target)
    checkLabels('crossEntropy', target, c)
    return reduceBy(
      smooth(
        logP
          .gather(1, target.reshape([n, 1]))
          .squeeze(1)
          .neg(),
      ),
      reduction,
    )
  }
  if (!sameShape(target.shape, logits.shape)) throw misfit(logits, target)
  return reduceBy(smooth(weighted(target, logP).sum(1).neg()), reduction)
}

/** Whether a target is labels [N] rather than class probabilities [N, C]. */
export const isLabels = (target: Tensor<'int'> | Tensor): target is Tensor<'int'> => target.dtype === 'int'

/** Throws where a label known on the host is no class. */
export function checkLabels(who: string, labels: Tensor<'int'>, classes: number): void {
  const bad = labels.host?.findIndex((label) => label < 0 || label >= classes) ?? -1
  if (bad >= 0)
    throw new ValueError(
      `${who}: label ${labels.host![bad]} of sample ${bad} is out of range, got ${classes} classes. Use 0 to ${classes - 1}.`,
    )
}

const misfit = (logits: Tensor, target: Tensor<'int'> | Tensor) =>
  new ShapeError(
    `crossEntropy: the target does not fit the logits, got ${showAll([logits.shape, target.shape])}. Expected labels [${logits.shape[0]}] or probabilities ${show(logits.shape)}.`,
  )

declareComposed(
  'crossEntropy',
  (draw) => {
    const [n, c] = [draw.size(), 1 + draw.size()]
    return {
      inputs: [
        { shape: [n, c], low: -5, high: 5 },
        { shape: [n], dtype: 'int', low: 0, high: c - 1 },
      ],
    }
  },
  ([logits, labels]) => crossEntropy(logits!, labels!),
)
declareComposed(
  'klDiv',
  (draw) => {
    const shape = draw.shape(2, 2)
    return {
      inputs: [
        { shape, low: -3, high: 0 },
        { shape, low: 0.2, high: 1 },
      ],
      params: { reduction: draw.pick(['mean', 'sum', 'none', 'batchmean']) },
    }
  },
  ([input, target], { reduction }) => klDiv(input!, target!, { reduction: reduction as Reduction }),
)
