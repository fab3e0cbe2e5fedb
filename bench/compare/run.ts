import { fileURLToPath } from 'node:url'
import { exitCodeOf } from '../../src/cli/exit-code.ts'
import { fastestDevice, HOST_DEVICES } from '../fastest-device.ts'
import { machine } from '../results.ts'
import { askedOf, type Comparing, commandOf, compareAll, type Flags, sharedWorks } from './command.ts'
import { kdgrad } from './participants.ts'

// npm run bench:peers

const FILE = fileURLToPath(new URL('../results/peers.json', import.meta.url))

const comparing: Comparing = {
  name: 'bench:peers',
  description: 'times kdgrad and its peers in turn, each result checked against reference first',
  place: 'cpu',
  works: sharedWorks,
}

async function run({ device, ...flags }: Flags & { readonly device?: string }): Promise<void> {
  const asked = askedOf(comparing, flags)
  await compareAll(asked, kdgrad(await fastestDevice(device)), comparing.place, machine, FILE)
}

const command = commandOf(comparing)
  .option('--device <name>', `kdgrad's, of ${HOST_DEVICES.join(', ')}`)
  .action(run)
process.exit(await exitCodeOf(() => command.parseAsync()))
