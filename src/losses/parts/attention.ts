import { where } from '../../ops/elementwise.ts'
import type { Tensor } from '../../tensor.ts'
import type { Layer } from '../layers.ts'
import { severalPositions } from './maps.ts'
import { scaled, shortened } from './unit.ts'

/**
 * Where the two maps of a pair are active, [N, H * W] each: |x|^p averaged over channels, of length 1. The larger map is
 * averaged down to the size of the smaller; one that is 0 everywhere gives 0 and gets no gradient.
 *
 * @throws ShapeError where the smaller map has one position: its attention is 1, whatever its values are.
 */
export function attentions(id: string, layer: Layer, p: number): readonly [student: Tensor, teacher: Tensor] {
  const { student, teacher } = severalPositions(id, 'attention', layer)
  return [attention(student, p), attention(teacher, p)]
}

function attention(map: Tensor, p: number): Tensor {
  const { x, shortest } = scaled(map.flatten(2), [1, 2])
  return shortened(power(x, p).mean(1), 1, shortest.flatten(1).pow(p))
}

/** |x|^p. Where x is 0 it gets no gradient, which for p below 1 would be infinite. */
export function power(x: Tensor, p: number): Tensor {
  if (p === 2) return x.square()
  const zero = x.eq(0)
  return where(zero, 0, where(zero, 1, x.abs()).pow(p))
}
