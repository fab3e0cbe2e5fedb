import { ShapeError } from '../../errors.ts'
import type { Own } from '../own.ts'

/**
 * Throws where batch normalisation in training would see one value per channel.
 *
 * @throws ShapeError naming the loss and the layer, and what to do.
 */
export function checkNormalisable(
  id: string,
  own: Own,
  layer: string,
  [samples, height, width]: readonly [number, number, number],
): void {
  if (own.training && samples * height * width === 1)
    throw new ShapeError(
      `${id}: one sample alone cannot be normalised where the map is 1x1, got a batch of 1 at ${layer}. Choose a batch size that leaves no single sample over, or layers with larger maps.`,
    )
}
