import type { CheckOptions } from '../../src/check/index.ts'

/** How a loss is tried. */
export interface Trial extends CheckOptions {
  /** Fewest samples that it can do with. Default 1. */
  readonly leastSamples?: number
}

/**
 * How each loss that needs it is tried on the small batches of `distillBatch` (stages of 3 and 4, 4 and 5 channels; 40
 * samples): the key is its id.
 */
export const trials: Readonly<Record<string, Trial>> = {
  byot: { detached: 'held' },
  crd: { params: { negatives: 8 }, detached: 'held' },
  crdInBatch: { detached: 'held' },
  cskd: { detached: 'held' },
  ddgsd: { detached: 'held' },
  dml: { detached: 'held' },
  // The networks have different channels.
  fsp: { params: { adapter: true } },
  sdd: { params: { scales: '1,2' } },
  wsld: { detached: 'held' },
  // Batch normalisation of the pooled feature; a batch of one is refused.
  reviewkd: { leastSamples: 2 },
}
