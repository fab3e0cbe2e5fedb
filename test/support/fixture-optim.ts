import type { Case, Computed } from './fixtures.ts'

/** How the library runs each case of optimisers, schedules, clipping and training; the key is the case's `op`. */
export const optimRunners: Record<string, (c: Case) => Promise<Computed>> = {}
