import { ValueError } from '../../errors.ts'
import type { Layer } from '../layers.ts'

/**
 * The one pair of features that a loss compares.
 *
 * @throws ValueError naming the loss where several are named.
 */
export function onlyLayer(id: string, layers: readonly Layer[]): Layer {
  if (layers.length !== 1)
    throw new ValueError(
      `${id}: it compares one layer, got layers ${layers.map(({ name }) => `${name.student}:${name.teacher}`).join(', ')}. Name one.`,
    )
  return layers[0]!
}
