import { ShapeError, show } from '../../errors.ts'
import { adaptiveAvgPool2d } from '../../ops/adaptive-pool.ts'
import type { Tensor } from '../../tensor.ts'
import type { Layer } from '../layers.ts'

/**
 * Throws unless both features of a pair are maps.
 *
 * @throws ShapeError naming the loss, the layers and what they are.
 */
export function checkMaps(id: string, { name, student, teacher }: Layer): void {
  if (student.rank !== 4 || teacher.rank !== 4)
    throw new ShapeError(
      `${id}: it compares maps [N, C, H, W], got ${name.student} ${show(student.shape)} and ${name.teacher} ${show(teacher.shape)}. Choose other layers.`,
    )
}

/** Two maps [N, C, H, W] of one size: the larger one is averaged down to the height and width of the smaller, dim by dim. */
export function equalSize(id: string, layer: Layer): { student: Tensor; teacher: Tensor } {
  checkMaps(id, layer)
  const [student, teacher] = smallerSize(layer.student, layer.teacher)
  return { student, teacher }
}

/**
 * The same for a loss that looks at how a map is spread over its positions.
 *
 * @throws ShapeError where the smaller map has one position: there is then no such `quality`, whatever its values are.
 */
export function severalPositions(
  id: string,
  quality: string,
  layer: Layer,
): { student: Tensor; teacher: Tensor } {
  const maps = equalSize(id, layer)
  if (maps.student.shape[2]! * maps.student.shape[3]! === 1)
    throw new ShapeError(
      `${id}: a map of one position has no ${quality} to transfer, got ${layer.name.student} ${show(layer.student.shape)} and ${layer.name.teacher} ${show(layer.teacher.shape)}. Choose layers with larger maps.`,
    )
  return maps
}

/** Two maps, averaged down to the smaller height and the smaller width. */
export function smallerSize(a: Tensor, b: Tensor): readonly [Tensor, Tensor] {
  const [height, width] = [2, 3].map((d) => Math.min(a.shape[d]!, b.shape[d]!)) as [number, number]
  return [resized(a, height, width), resized(b, height, width)]
}

/** A map averaged to this height and width; where it is the smaller one its values are repeated. */
export const resized = (map: Tensor, height: number, width: number): Tensor =>
  map.shape[2] === height && map.shape[3] === width ? map : adaptiveAvgPool2d(map, [height, width])
