import { mixup } from '../data/augment-mixup.ts'
import { labelsOf } from '../data/batch.ts'
import type { Dataset } from '../data/dataset.ts'
import { ValueError } from '../errors.ts'
import type { AnyBatch, Need, Prepared } from '../losses/index.ts'
import type { Random } from '../random.ts'
import type { Tensor } from '../tensor.ts'

/** What the labels of mixed images are: `share` their own, the rest those of their partners. */
export interface Mix {
  readonly partners: Tensor<'int'>
  readonly share: number
}

/** The needs that speak of single images, which mixed ones are not. */
const OF_ONE_IMAGE: readonly Need[] = ['index', 'trainingSet', 'view', 'partner', 'formerSelf']

/** @throws ValueError where a method cannot be trained on mixed images. */
export function checkMixable(id: string, needs: ReadonlySet<Need>): void {
  const single = OF_ONE_IMAGE.filter((need) => needs.has(need))
  if (single.length > 0)
    throw new ValueError(
      `mixup: ${id} goes by single images, which mixed ones are not, got a loss that needs ${single.join(', ')}. Leave out mixup or that loss.`,
    )
}

/** Images [N, C, H, W] mixed by mixup, from the pixels of the samples at `indices`, and what their labels are. */
export function mixedImages(
  data: Dataset,
  indices: readonly number[],
  pixels: Float32Array,
  alpha: number,
  random: Random,
): { images: Tensor; mix: Mix } {
  const { images, lambda, partners } = mixup(data, indices, pixels, { alpha }, random)
  const others = Array.from(partners, (place) => indices[place]!)
  return { images, mix: { partners: labelsOf(data, others), share: lambda } }
}

/**
 * The loss on a batch of mixed images: with their own labels by their share, and with their partners' by the rest, as the
 * authors' code has it for cross-entropy (Zhang et al. 2018, section 2). A loss that looks at no label is left as it is.
 */
export function onMixed(prepared: Prepared): Prepared {
  if (!(prepared.loss.needs as readonly Need[]).includes('labels')) return prepared
  const mixed = (batch: AnyBatch & { readonly mix?: Mix }) => {
    const { mix } = batch
    if (!mix) return prepared(batch)
    const others = prepared({ ...batch, labels: mix.partners })
    return prepared(batch)
      .mul(mix.share)
      .add(others.mul(1 - mix.share))
  }
  return Object.assign(mixed, prepared)
}
