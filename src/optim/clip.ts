import '../ops/methods.ts'
import { ValueError } from '../errors.ts'
import { clamp, div, norm, stack } from '../ops/index.ts'
import type { Tensor } from '../tensor.ts'
import { checkSetting } from './settings.ts'

/** Gradients of bounded norm, as graph. */
export interface ClippedNorm {
  /** One per gradient, of its shape. */
  readonly clipped: Tensor[]
  /** [], the norm before clipping. */
  readonly totalNorm: Tensor
}

/** Added to the norm before dividing, as PyTorch does. */
const EPS = 1e-6

/**
 * Scales all gradients by min(1, maxNorm / (totalNorm + 1e-6)), their norm taken as if they were one vector; as
 * `torch.nn.utils.clip_grad_norm_`, but on new tensors. A gradient with NaN makes all of them NaN, one with an infinity
 * makes that element NaN and all others 0. To refuse such a step, look at `await totalNorm.item()` first.
 *
 * Pascanu et al., "On the difficulty of training recurrent neural networks", ICML 2013, algorithm 1.
 *
 * @param normType the norm's power, above 0; Infinity for the largest element. Default 2.
 * @throws ValueError where there are no gradients, or a setting is out of range.
 */
export function clipGradNorm(
  gradients: readonly Tensor[],
  maxNorm: number,
  { normType = 2 }: { readonly normType?: number } = {},
): ClippedNorm {
  if (gradients.length === 0)
    throw new ValueError(
      'clipGradNorm: there is nothing to clip, got no gradients. Give what grad(...) returns.',
    )
  checkSetting('clipGradNorm', 'maxNorm', maxNorm, 'at least 0')
  if (!(normType > 0))
    throw new ValueError(
      `clipGradNorm: normType must be more than 0, got ${normType}. Use 2, or Infinity for the largest element.`,
    )
  const totalNorm = norm(stack(gradients.map((g) => norm(g, normType))), normType)
  const scale = clamp(div(maxNorm, totalNorm.add(EPS)), null, 1)
  return { clipped: gradients.map((g) => g.mul(scale)), totalNorm }
}

/**
 * Gradients with every element moved into [-value, value], as `torch.nn.utils.clip_grad_value_`, but on new tensors.
 * NaN stays.
 *
 * @throws ValueError where `value` is negative or not finite.
 */
export function clipGradValue(gradients: readonly Tensor[], value: number): Tensor[] {
  checkSetting('clipGradValue', 'value', value, 'at least 0')
  return gradients.map((g) => clamp(g, -value, value))
}
