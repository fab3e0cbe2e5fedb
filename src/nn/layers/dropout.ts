import { ValueError } from '../../errors.ts'
import { dropout } from '../../ops/dropout.ts'
import type { Random } from '../../random.ts'
import type { Tensor } from '../../tensor.ts'
import { Module } from '../module.ts'

/**
 * Zeroes each element with probability `p` and scales the rest by 1 / (1 - p), as `torch.nn.Dropout`; the identity in
 * evaluation mode. Masks are drawn on the host, so they are the same on every device. Call k draws from fork k of
 * `random`: `calls` is the whole state.
 * Srivastava et al., "Dropout", JMLR 15 (2014).
 *
 * @throws ValueError where `p` is not in [0, 1).
 */
export class Dropout extends Module {
  readonly p: number
  /** Masks drawn so far; set it to go on from there. */
  calls = 0
  readonly #random: Random

  constructor(p: number, { random }: { readonly random: Random }) {
    super()
    if (!(p >= 0 && p < 1))
      throw new ValueError(
        `Dropout: the probability must be at least 0 and below 1, got ${p}. Choose another p.`,
      )
    this.p = p
    this.#random = random
  }

  /** Any shape to the same shape. */
  forward(x: Tensor): Tensor {
    if (!this.training || this.p === 0) return x
    return dropout(x, this.p, { random: this.#random.fork(this.calls++) })
  }
}
