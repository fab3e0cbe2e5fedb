import { Linear } from '../../nn/layers/linear.ts'
import { Module } from '../../nn/module.ts'
import type { Random } from '../../random.ts'
import type { Tensor } from '../../tensor.ts'
import { unit } from './unit.ts'

/**
 * A linear layer, then length 1, as CRD's Embed. A vector of length 0 stays 0 and gets no gradient; the
 * published code divides 0 by 0.
 */
class UnitEmbedding extends Module {
  readonly linear: Linear

  constructor(from: number, to: number, random: Random) {
    super()
    this.linear = this.child('linear', new Linear(from, to, { random }))
  }

  /** [N, from] to [N, to]. */
  forward(x: Tensor): Tensor {
    return unit(this.linear.forward(x))
  }
}

/** The two embeddings of CRD, for features [N, D_s] and [N, D_t]. */
export const embeddingsOf = (
  { student, teacher }: { readonly student: Tensor; readonly teacher: Tensor },
  dim: number,
  random: Random,
) => ({
  embedS: new UnitEmbedding(student.shape[1]!, dim, random.fork('embedS')),
  embedT: new UnitEmbedding(teacher.shape[1]!, dim, random.fork('embedT')),
})
