import { ValueError } from '../../errors.ts'
import { logSigmoid } from '../../ops/activations.ts'
import type { Tensor } from '../../tensor.ts'

/** Scores of anchors, in logarithms. */
export interface Scores {
  /** Of each anchor with its positive, [N]. */
  readonly positive: Tensor
  /** Of each anchor with everything there is, [N, R]. */
  readonly all: Tensor
  /** How often each of those is a negative, [N, R]; every row sums to `negatives`. */
  readonly counts: Tensor
  readonly negatives: number
}

/**
 * CRD's noise-contrastive loss: how well each anchor tells its positive from K negatives drawn evenly from `size` samples.
 *
 *     - 1/N sum over anchors of [ log P0 / (P0 + c) + sum over negatives of log (K / size) / (P + c) ]
 *     P = exp(score) / Z,   c = K / size + 1e-7
 *
 * Stays in log space: each quotient is a sigmoid.
 */
export function noiseContrast(
  { positive, all, counts, negatives }: Scores,
  logZ: Tensor,
  size: number,
): Tensor {
  const noise = negatives / size
  const even = logZ.add(Math.log(noise + EPS))
  const found = logSigmoid(positive.sub(even)).sum()
  const refused = logSigmoid(even.sub(all)).mul(counts).sum()
  return found
    .add(refused)
    .div(-positive.shape[0]!)
    .add(negatives * Math.log1p(EPS / noise))
}

const EPS = 1e-7

/** The mean of exp(score) over positives and negatives, without gradient: what CRD's Z is set to, per sample. */
export const meanScore = ({ positive, all, counts, negatives }: Scores): Tensor =>
  positive
    .exp()
    .sum()
    .add(all.exp().mul(counts).sum())
    .div(positive.shape[0]! * (negatives + 1))
    .detach()

/**
 * Throws where float32 cannot sum exp(score) over a batch, scores being cosines over the temperature.
 *
 * @throws ValueError naming the loss and the temperature.
 */
export function checkTemperature(id: string, temperature: number): void {
  if (temperature < LEAST_TEMPERATURE)
    throw new ValueError(
      `${id}: sums of exp(1 / temperature) leave float32, got temperature ${temperature}. Use at least ${LEAST_TEMPERATURE}.`,
    )
}

const LEAST_TEMPERATURE = 0.02
