import { KdgradError } from '../../src/errors.ts'

/** What a call throws, which must be a KdgradError. */
export function thrownBy(call: () => unknown): KdgradError {
  try {
    call()
  } catch (error) {
    if (error instanceof KdgradError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
