import { oneOf } from '../src/cli/suggest.ts'
import { deviceNames, openDevice } from '../src/device/open.ts'
import { KdgradError } from '../src/errors.ts'

/** What is fastest without a GPU, best first. */
const FASTEST = ['cpu', 'gpujs-wasm']

/** The name of the device that was asked for; of the fastest that is there without a GPU where none was. */
export async function fastestDevice(asked: string | undefined): Promise<string> {
  if (asked !== undefined) return (await openDevice(oneOf('device', asked, deviceNames))).name
  for (const name of FASTEST) {
    try {
      return (await openDevice(name)).name
    } catch (error) {
      if (!(error instanceof KdgradError)) throw error
    }
  }
  return 'reference'
}
