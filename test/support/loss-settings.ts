import type { CheckOptions } from '../../src/check/index.ts'

/**
 * How each loss that needs it is tried on the small batches of `distillBatch` (stages of 3 and 4, 4 and 5 channels; 40
 * samples): the key is its id.
 */
export const trials: Readonly<Record<string, CheckOptions>> = {
  crd: { params: { negatives: 8 }, detached: 'held' },
  crdInBatch: { detached: 'held' },
  cskd: { detached: 'held' },
  ddgsd: { detached: 'held' },
  dml: { detached: 'held' },
  wsld: { detached: 'held' },
  // The networks have different channels.
  fsp: { params: { adapter: true } },
}
