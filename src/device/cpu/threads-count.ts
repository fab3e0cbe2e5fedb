import { DeviceError } from '../../errors.ts'
import { MOST_THREADS } from './threads-layout.ts'

/** More threads than this only where they are asked for: laptops slow down, and small jobs do not split further. */
const MOST_BY_DEFAULT = 8

/**
 * How many threads to use: `asked`, or else the environment's KDGRAD_THREADS, or else one a core up to eight. One where
 * memory cannot be shared.
 *
 * @throws DeviceError where the number asked for is none, or needs memory that is shared.
 */
export function threadCount(asked: number | undefined, shared: boolean): number {
  const variable = globalThis.process?.env?.KDGRAD_THREADS
  if (asked !== undefined) return checked('threads', asked, asked, shared)
  if (variable) return checked('KDGRAD_THREADS', Number(variable), variable, shared)
  return shared ? Math.min(cores(), MOST_BY_DEFAULT) : 1
}

function checked(name: string, count: number, given: number | string, shared: boolean): number {
  if (!Number.isInteger(count) || count < 1 || count > MOST_THREADS)
    throw new DeviceError(
      `cpu: ${name} must be a whole number from 1 to ${MOST_THREADS}, got ${given}. Leave it out for one thread a core.`,
    )
  if (count > 1 && !shared)
    throw new DeviceError(
      `cpu: threads need shared memory, which is not there, got ${name} ${given}. Serve the page cross-origin isolated, or use 1.`,
    )
  return count
}

function cores(): number {
  const os = globalThis.process?.getBuiltinModule?.('node:os')
  return os?.availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? 1
}
