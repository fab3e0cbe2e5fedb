import { unheld } from './fixture-compare.ts'
import type { Case } from './fixtures.ts'

/** What float32 really cannot do, case by case, with the reason. */
const FLOAT32: Readonly<Record<string, string>> = {
  batch_norm_train:
    'the gradient of weight is a sum of 64 float32 values that cancel to 0: rounding them leaves 4.8e-7, where PyTorch, which adds in float64, leaves 1.5e-7',
}

/** Why this device cannot meet the case, or null where it must. */
export function deviceLimit(c: Case, precision: 'float32' | 'float64'): string | null {
  if (precision === 'float64') return null
  const lost = unheld(c)
  return lost === null
    ? (FLOAT32[c.id.split('/').at(-1) ?? ''] ?? null)
    : `float32 cannot hold the input ${lost}`
}
