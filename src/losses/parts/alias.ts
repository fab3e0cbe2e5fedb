import { ValueError } from '../../errors.ts'
import type { Random } from '../../random.ts'

/**
 * Draws numbers from 0 to n - 1 with probabilities proportional to `weights`, each in constant time: a cell chosen evenly
 * gives itself or its alias. Walker, Electronics Letters 10 (1974); the table in linear time after Vose, IEEE Transactions
 * on Software Engineering 17 (1991).
 *
 * @throws ValueError where there is no weight, one is negative or not finite, or all are 0.
 */
export class AliasTable {
  /** How often each cell gives itself. */
  readonly probability: Float64Array
  /** What it gives otherwise. */
  readonly alias: Int32Array

  constructor(weights: ArrayLike<number>) {
    const all = Float64Array.from(weights)
    const total = all.reduce((sum, w) => sum + w, 0)
    if (!(total > 0 && Number.isFinite(total)) || all.some((w) => w < 0))
      throw new ValueError(
        `AliasTable: weights must be at least 0 and their sum positive and finite, got ${all.length} of sum ${total}, the least ${all.length === 0 ? 'none' : Math.min(...all)}. Check them.`,
      )
    const n = all.length
    this.probability = all.map((w) => (w / total) * n)
    this.alias = Int32Array.from({ length: n }, (_, i) => i)
    const under: number[] = []
    const over: number[] = []
    this.probability.forEach((p, i) => {
      ;(p < 1 ? under : over).push(i)
    })
    while (under.length > 0 && over.length > 0) {
      const small = under.pop()!
      const large = over.pop()!
      this.alias[small] = large
      this.probability[large]! -= 1 - this.probability[small]!
      ;(this.probability[large]! < 1 ? under : over).push(large)
    }
    // What is left is full but for rounding.
    for (const i of [...under, ...over]) this.probability[i] = 1
  }

  draw(random: Random): number {
    const cell = random.integer(this.alias.length)
    return random.uniform() < this.probability[cell]! ? cell : this.alias[cell]!
  }
}
