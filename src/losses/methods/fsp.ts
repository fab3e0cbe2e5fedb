import { ShapeError, show } from '../../errors.ts'
import { mseLoss } from '../../ops/regression-loss.ts'
import type { Tensor } from '../../tensor.ts'
import { defineLoss } from '../define.ts'
import type { Layer } from '../layers.ts'
import { flag, positive, whole } from '../parameters.ts'
import { adapted, byLayer } from '../parts/by-layer.ts'
import { ConvStack } from '../parts/conv-stack.ts'
import { checkMaps, smallerSize } from '../parts/maps.ts'
import { sumOf } from '../parts/sums.ts'

/**
 * Flow of the solution procedure. Yim, Joo, Bae, Kim: A Gift from Knowledge Distillation, CVPR 2017.
 *
 *     G(U, V)[c, d] = mean over positions of U[c] V[d],   for neighbouring maps U [N, C, H, W] and V [N, D, H, W]
 *     FSP = sum over neighbours of mean( (G_s - G_t)² )
 *
 * The larger of two neighbours is averaged down to the size of the smaller; student and teacher may differ in size.
 * The student first trains on the loss alone, times `initWeight`, and then on labels alone. The matrices are compared
 * entry by entry, so that both networks must have the same channels; `adapter` puts 1x1 convolutions on the student's
 * maps where they have not.
 */
export const fsp = defineLoss(
  'fsp',
  {
    title: 'Flow of the solution procedure',
    paper: 'Yim, Joo, Bae, Kim: A Gift from Knowledge Distillation, CVPR 2017',
    formula: 'sum over neighbouring maps of mean((G_s - G_t)²), G = U Vᵀ / positions',
    variant: 'RepDistiller: equal channels, a stage of its own and then labels alone',
    defaults: {
      adapter: flag(false, 'not published; without it unequal channels are refused'),
      initEpochs: whole(30, 'RepDistiller'),
      initWeight: positive(1, 'RepDistiller: its stage leaves out the 50 of its run script'),
    },
    layers: 'maps and stem',
    mix: { weight: 0, ce: 1 },
    adapters: ({ layers }, { adapter }, random) =>
      byLayer(layers, random, (layer, random) => {
        checkMaps('fsp', layer)
        const [from, to] = [layer.student.shape[1]!, layer.teacher.shape[1]!]
        return adapter && from !== to ? new ConvStack(from, [{ channels: to, kernel: 1 }], random) : undefined
      }),
    preliminary: {
      epochs: ({ initEpochs }) => initEpochs,
      objective: ({ layers }, { initWeight }, { adapters }) =>
        flows(adapted(layers, adapters)).mul(initWeight),
    },
  },
  ({ layers }, _, { adapters }) => flows(adapted(layers, adapters)),
)

function flows(layers: readonly Layer[]): Tensor {
  if (layers.length < 2)
    throw new ShapeError(
      `fsp: the flow leads from one map to the next, got only ${layers[0]!.name.student}. Name at least two layers.`,
    )
  for (const { name, student, teacher } of layers)
    if (student.shape[1] !== teacher.shape[1])
      throw new ShapeError(
        `fsp: student and teacher must have the same channels, got ${name.student} ${show(student.shape)} and ${name.teacher} ${show(teacher.shape)}. Choose other networks or layers, or set adapter to true.`,
      )
  return sumOf(
    layers
      .slice(1)
      .map((to, i) => mseLoss(flow(layers[i]!.student, to.student), flow(layers[i]!.teacher, to.teacher))),
  )
}

/** [N, C, H, W] and [N, D, H, W] to [N, C, D]. */
function flow(from: Tensor, to: Tensor): Tensor {
  const [u, v] = smallerSize(from, to).map((x) => x.flatten(2)) as [Tensor, Tensor]
  return u.matmul(v.transpose()).div(u.shape[2]!)
}
