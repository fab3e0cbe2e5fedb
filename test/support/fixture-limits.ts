import { unheld } from './fixture-compare.ts'
import type { Case } from './fixtures.ts'

/** What float32 really cannot do, case by case, with the reason. */
const FLOAT32: Readonly<Record<string, string>> = {
  op_var_large_mean:
    'values that differ by 1e-8 of their mean are one and the same float32 number, so that nothing is left to vary',
}

/** Why this device cannot meet the case, or null where it must. */
export function deviceLimit(c: Case, precision: 'float32' | 'float64'): string | null {
  if (precision === 'float64') return null
  const lost = unheld(c)
  return lost === null
    ? (FLOAT32[c.id.split('/').at(-1) ?? ''] ?? null)
    : `float32 cannot hold the input ${lost}`
}
