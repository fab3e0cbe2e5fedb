import { ShapeError, show } from '../../errors.ts'
import { stack } from '../../ops/indexing.ts'
import type { Tensor } from '../../tensor.ts'
import { defineLoss } from '../define.ts'
import type { Layer } from '../layers.ts'
import type { Adapters, Own } from '../own.ts'
import { choice, nonNegative, positive, share } from '../parameters.ts'
import { ExitHead } from '../parts/exit-head.ts'
import { type Exit, exitLoss } from '../parts/exits.ts'
import { checkMaps } from '../parts/maps.ts'
import { checkNormalisable } from '../parts/normalisable.ts'

/**
 * Be your own teacher. Zhang, Song, Gao, Chen, Bao, Ma: Be Your Own Teacher, ICCV 2019, arXiv:1905.08094.
 *
 *     BYOT = CE and distillation at every exit, see exitLoss; the student's own output is the deepest exit
 *
 * Every map [N, C, H, W] of the student but the last gets an exit: a bottleneck to the size and the channels of the last
 * map, averaged over positions (the feature F_k [N, C]), and a linear classifier. F_d is the average of the last map.
 * The deepest exit teaches the others and is held constant there. Needs no teacher and stands in for the cross-entropy.
 * The exits can be dropped for inference, or used one by one or together: `predict` gives all of them.
 *
 * In the variant 'journal' a linear layer follows each compared feature, and |F_k - F_d| has gradient 0 where both are
 * equal, where it has no derivative.
 */
export const byot = defineLoss(
  'byot',
  {
    title: 'Be your own teacher',
    paper: 'Zhang, Song, Gao, Chen, Bao, Ma: Be Your Own Teacher, ICCV 2019, arXiv:1905.08094',
    formula:
      '(1 - alpha) sum of CE + alpha T² sum of soft CE with the deepest exit + beta sum of squared feature differences',
    variant:
      "'masked': luanyunteng's code, with the results of the paper; 'journal': the authors' later code without its attention modules, meant for alpha 0.3 and beta 0.03; 'paper': as the paper has it, KL in place of soft cross-entropy, no T² and no mask",
    defaults: {
      variant: choice('masked', ['masked', 'journal', 'paper'], 'luanyunteng, CIFAR-100, ResNet'),
      alpha: share(0.1, "luanyunteng; the authors' journal code has 0.3"),
      beta: nonNegative(
        1e-6,
        "luanyunteng, for a sum over the batch; the authors' journal code has 0.03, for a norm",
      ),
      temperature: positive(3, "luanyunteng and the authors' journal code"),
    },
    needs: ['labels'],
    layers: 'maps',
    mix: { weight: 1, ce: 0 },
    adapters: ({ layers, student: { logits } }, { variant }, random) => {
      const maps = mapsOf(layers)
      const deepest = maps.at(-1)!
      return Object.fromEntries(
        maps.slice(0, -1).map((map, i) => [
          exitName(i),
          new ExitHead(map, deepest, {
            classes: logits.shape[1]!,
            adapted: variant === 'journal' && i < maps.length - 2,
            random: random.fork(exitName(i)),
          }),
        ]),
      )
    },
    predict: ({ layers, student: { logits } }, _, own) => {
      const shallow = exitsOf(mapsOf(layers), own).map((exit) => exit.logits)
      const all = [...shallow, logits].map((z) => z.logSoftmax(1))
      return {
        deepest: logits,
        ...Object.fromEntries(shallow.map((z, i) => [exitName(i), z])),
        ensemble: stack(all).logSumExp(0).sub(Math.log(all.length)),
      }
    },
  },
  ({ layers, student: { logits }, labels }, settings, own) => {
    const maps = mapsOf(layers)
    const last = maps.at(-1)!
    checkNormalisable('byot', own, layers.at(-1)!.name.student, last)
    const deepest = { logits, feature: last.mean([2, 3]) }
    return exitLoss(deepest, exitsOf(maps, own), labels, settings).loss
  },
)

/** Exit 1 is the shallowest. */
const exitName = (i: number) => `exit${i + 1}`

const exitsOf = (maps: readonly Tensor[], own: Own<Adapters>): Exit[] =>
  maps.slice(0, -1).map((map, i) => (own.adapters[exitName(i)] as ExitHead).forward(map))

function mapsOf(layers: readonly Layer[]): Tensor[] {
  for (const layer of layers) checkMaps('byot', layer)
  if (layers.length < 2)
    throw new ShapeError(
      `byot: there is no shallow exit, got one map, ${layers[0]!.name.student} ${show(layers[0]!.student.shape)}. Give a student of at least two stages, or name two maps as layers.`,
    )
  return layers.map(({ student }) => student)
}
