import { ShapeError, show } from '../../errors.ts'
import type { Tensor } from '../../tensor.ts'
import type { Own } from '../own.ts'

/**
 * Throws where batch normalisation in training would see one value per channel of `map` [N, C, H, W].
 *
 * @throws ShapeError naming the loss and the layer, and what to do.
 */
export function checkNormalisable(
  id: string,
  { training }: Pick<Own, 'training'>,
  layer: string,
  map: Tensor,
): void {
  const [n, , height, width] = map.shape as [number, number, number, number]
  if (training && n * height * width === 1)
    throw new ShapeError(
      `${id}: one sample alone cannot be normalised where its map is 1x1, got ${layer} ${show(map.shape)}. Choose a batch size that leaves no single sample over, or layers with larger maps.`,
    )
}
