import { oneOf } from '../src/cli/suggest.ts'
import { openDevice } from '../src/device/open.ts'
import { KdgradError } from '../src/errors.ts'

/** Devices that have computed once `realize` returns: they queue nothing. */
export const HOST_DEVICES = ['cpu', 'gpujs-wasm', 'gpujs-cpu', 'reference'] as const

/** The name of the host device that was asked for; of the fastest that is there where none was. */
export async function fastestDevice(asked: string | undefined): Promise<string> {
  if (asked !== undefined) return oneOf('device', asked, HOST_DEVICES)
  try {
    return (await openDevice('cpu')).name
  } catch (error) {
    if (!(error instanceof KdgradError)) throw error
    return 'gpujs-wasm'
  }
}
