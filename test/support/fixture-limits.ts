import type { Device } from '../../src/device/device.ts'
import { unheld } from './fixture-compare.ts'
import type { Case } from './fixtures.ts'

/** What float32 really cannot do, case by case, with the reason. */
const FLOAT32: Readonly<Record<string, string>> = {
  op_var_large_mean:
    'values that differ by 1e-8 of their mean are one and the same float32 number, so that nothing is left to vary',
}

/** What a device beyond that cannot do. */
const DEVICES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  headlessgl: {
    op_clamp_boundary: 'GL shaders may compare NaN as they like, and this one loses it',
  },
}

/** Why this device cannot meet the case, or null where it must. */
export function deviceLimit(c: Case, { name, precision }: Pick<Device, 'name' | 'precision'>): string | null {
  if (precision === 'float64') return null
  const lost = unheld(c)
  if (lost !== null) return `float32 cannot hold the input ${lost}`
  const limits = { ...FLOAT32, ...DEVICES[name] }
  return limits[c.id.split('/').at(-1) ?? ''] ?? null
}
