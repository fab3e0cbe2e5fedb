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
