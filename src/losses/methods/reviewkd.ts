import { ShapeError, show } from '../../errors.ts'
import type { Tensor } from '../../tensor.ts'
import type { Side } from '../batch.ts'
import { defineLoss } from '../define.ts'
import type { Layer } from '../layers.ts'
import { count } from '../parameters.ts'
import { Abf, reviewed } from '../parts/abf.ts'
import { hcl } from '../parts/hcl.ts'
import { checkNormalisable } from '../parts/normalisable.ts'
import { sumOf } from '../parts/sums.ts'

/**
 * Knowledge review. Chen, Liu, Zhao, Jia: Distilling Knowledge via Knowledge Review, CVPR 2021, arXiv:2104.09044.
 *
 *     ReviewKD = sum over levels of HCL(R_i, T_i),   R_i = what Abf makes of S_i and of the levels below it
 *
 * S_i: the student's maps [N, C, H, W] from shallow to deep, and the last one averaged over positions, of size 1x1. T_i: the
 * teacher's, before the activation wherever the teacher gives that, as published. Where a stage ends in a pooling that
 * is the map before the pooling, so T_i can be larger than the teacher's feature; R_i is brought to its size. Channels
 * are read off the first batch, sizes off every batch. The fusion modules are dropped for inference.
 */
export const reviewkd = defineLoss(
  'reviewkd',
  {
    title: 'Knowledge review',
    paper: 'Chen, Liu, Zhao, Jia: Distilling Knowledge via Knowledge Review, CVPR 2021, arXiv:2104.09044',
    formula:
      'sum over levels of HCL(R_i, T_i), R_i: attention-based fusion of all student levels from i down',
    variant:
      "the authors' code; the teacher stays in evaluation mode, which their CIFAR script forgets, and the weight starts at 1/20 as in mdistiller, where theirs starts at 0",
    defaults: { maxChannels: count(512, "the authors' code and mdistiller: width of the fusion at most") },
    layers: 'maps and pooled',
    mix: { weight: 5, ce: 1, warmup: 20 / 240 },
    adapters: ({ layers, teacher }, { maxChannels }, random) => {
      const { maps, targets } = levelsOf(layers, teacher)
      const mid = Math.min(maxChannels, maps.at(-1)!.shape[1]!)
      return Object.fromEntries(
        maps.map((map, i) => [
          levelName(i),
          new Abf(
            { from: map.shape[1]!, mid, to: targets[i]!.shape[1]! },
            { random: random.fork(levelName(i)), fuse: i < maps.length - 1 },
          ),
        ]),
      )
    },
  },
  ({ layers, teacher }, _, own) => {
    const { maps, targets } = levelsOf(layers, teacher)
    layers.forEach(({ name }, i) => {
      for (const x of [maps[i]!, targets[i]!]) checkNormalisable('reviewkd', own, name.student, x)
    })
    const modules = maps.map((_, i) => own.adapters[levelName(i)]!)
    return sumOf(reviewed(modules, maps, targets).map((map, i) => hcl(map, targets[i]!)))
  },
)

/** Level 1 is the shallowest. */
const levelName = (i: number) => `level${i + 1}`

function levelsOf(
  layers: readonly Layer[],
  { preActivations = {} }: Side,
): { maps: Tensor[]; targets: Tensor[] } {
  const mapOf = (name: string, x: Tensor): Tensor => {
    if (x.rank === 4) return x
    if (x.rank === 2) return x.reshape([...x.shape, 1, 1])
    throw new ShapeError(
      `reviewkd: a level is a map [N, C, H, W] or a vector [N, D], got ${name} ${show(x.shape)}. Choose other layers.`,
    )
  }
  return {
    maps: layers.map(({ name, student }) => mapOf(name.student, student)),
    targets: layers.map(({ name, teacher }) => mapOf(name.teacher, preActivations[name.teacher] ?? teacher)),
  }
}
