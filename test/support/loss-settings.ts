import type { CheckOptions } from '../../src/check/index.ts'

/** How a loss is tried. */
export interface Trial extends CheckOptions {
  /** Fewest samples that it can do with. Default 1. */
  readonly leastSamples?: number
  /** Largest entry of a sensible gradient. Default 1e6. */
  readonly largestGradient?: number
}

/** Each batch normalisation of an adapter multiplies by up to 1 / sqrt(eps) where its channel does not vary. */
const behind = (normalisations: number) => ({ largestGradient: 1e6 * 1e-5 ** (-normalisations / 2) })

/**
 * PKT divides samples by length + eps, so that the direction of one that is all but 0 has a derivative of 1 / eps. With
 * r = l / (l + eps) for the length l of a sample i, and an angle of cosine c to a much longer sample j, the kernel is
 * K = (1 + r c) / 2, and |dK / dx| = (1 - r) sqrt(1 - c² + (1 - r)² c²) / (2 eps) <= (1 - r) / (2 eps) <= K / eps;
 * a shorter j, and j = i, have less. So each a[j] = d log K[i, j] / dx has |a[j]| <= 1 / eps. N² times the gradient is
 * a sum with weights w = p_t p_s / (p_s + eps) <= p_t: over j of w[i, j] (a[j] - their mean by p_s[i]), at most 2 / eps,
 * and for each other row j (w[j, i] - p_s[j, i] sum of w[j]) a[j], at most 1 / eps. That is (N + 1) / (N² eps) in all,
 * most for N = 2. Differences of the published formula give 5 / (24 eps) for [0, 1e-15], [100, 0] taught by [100, 0],
 * [-100, 0].
 */
const PKT = { largestGradient: 3 / (4 * 1e-7) }

/**
 * How each loss that needs it is tried on the small batches of `distillBatch` (stages of 3 and 4, 4 and 5 channels; 40
 * samples): the key is its id.
 */
export const trials: Readonly<Record<string, Trial>> = {
  ab: behind(1),
  byot: { detached: 'held', ...behind(3) },
  crd: { params: { negatives: 8 }, detached: 'held' },
  crdInBatch: { detached: 'held' },
  cskd: { detached: 'held' },
  ddgsd: { detached: 'held' },
  dml: { detached: 'held' },
  fitnet: behind(1),
  ft: behind(3),
  ickd: behind(1),
  ofd: behind(1),
  pkt: PKT,
  simkd: behind(3),
  srrl: behind(1),
  // The networks have different channels.
  fsp: { params: { adapter: true } },
  sdd: { params: { scales: '1,2' } },
  wsld: { detached: 'held' },
  // Batch normalisation of the pooled feature; a batch of one is refused.
  reviewkd: { leastSamples: 2, ...behind(4) },
}

/** Largest entry of a sensible gradient of this loss. */
export const sensible = (id: string): number => trials[id]?.largestGradient ?? 1e6
