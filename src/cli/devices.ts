import { Command } from 'commander'
import { chooseAuto } from '../device/auto.ts'
import { deviceNames, openDevice } from '../device/open.ts'
import { KdgradError } from '../errors.ts'
import { tableText } from './table.ts'

/** `kdgrad devices`: which devices are there, what runs them, and why the others are not. */
export const devicesCommand = (): Command =>
  new Command('devices')
    .description('list the devices, what runs them, and why the others are absent')
    .action(async () => {
      const rows: string[][] = []
      for (const name of deviceNames) rows.push(await describe(name))
      console.log(
        tableText(['device', 'here', 'numbers', 'made by, or why it is absent'], rows, 'left', [
          null,
          null,
          null,
          72,
        ]),
      )
      // Opening it may find that the GPU does not work after all.
      await openDevice('auto')
      const { name, because } = await chooseAuto()
      console.log(`auto takes ${name} (${because})`)
    })

async function describe(name: string): Promise<string[]> {
  try {
    const device = await openDevice(name)
    return [name, 'yes', device.precision, device.description]
  } catch (error) {
    if (!(error instanceof KdgradError)) throw error
    return [name, 'no', '-', error.message]
  }
}
