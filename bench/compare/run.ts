import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { exitCodeOf } from '../../src/cli/exit-code.ts'
import { count } from '../../src/cli/numbers.ts'
import { oneOf } from '../../src/cli/suggest.ts'
import { fastestDevice, HOST_DEVICES } from '../fastest-device.ts'
import { machine } from '../results.ts'
import { suites } from '../suites.ts'
import { Child, ParticipantError } from './child.ts'
import { COLD_START, coldStarts } from './cold-start.ts'
import { MEMORY, memoryOf } from './memory-growth.ts'
import { kdgrad, type Name, PARTICIPANTS, type Participant, peersOf } from './participants.ts'
import { inWords, memoryTable, tableOf } from './report.ts'
import { save } from './save.ts'
import { compare, type Outcome, type Row } from './works.ts'

const FILE = fileURLToPath(new URL('../results/peers.json', import.meta.url))

const shared = suites.flatMap(({ name: suite, works }) =>
  works.flatMap(({ definition }) => (definition ? [{ suite, definition }] : [])),
)
const workNames = [...shared.map(({ definition }) => definition.name), COLD_START, MEMORY]
const choices = [...new Set(shared.map(({ suite }) => suite)), ...workNames]

interface Flags {
  readonly works?: readonly string[]
  readonly peers?: readonly string[]
  readonly rounds: number
  readonly device?: string
}

const peerNames = PARTICIPANTS.filter((name) => name !== 'kdgrad')
const command = new Command('bench:peers')
  .description('times kdgrad and its peers in turn, each result checked against reference first')
  .option('--works <names...>', `of ${choices.join(', ')}; all where left out`)
  .option('--peers <names...>', `of ${peerNames.join(', ')}; all that are there where left out`)
  .option('--rounds <n>', 'samples of each participant', count, 10)
  .option('--device <name>', `kdgrad's, of ${HOST_DEVICES.join(', ')}`)
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, '')) })

/** The participants whose processes start, with what they say that they are. */
async function present(participants: readonly Participant[]): Promise<Map<Participant, string>> {
  const found = new Map<Participant, string>()
  for (const participant of participants) {
    try {
      const { child, ready } = await Child.start(participant.worker(1))
      child.stop()
      found.set(participant, ready)
      console.log(`${participant.name}: ${ready}`)
    } catch (error) {
      if (!(error instanceof ParticipantError)) throw error
      console.log(`Without ${participant.name}: ${error.message}`)
    }
  }
  return found
}

async function run({ works, peers, rounds, device }: Flags): Promise<void> {
  const asked = (works ?? choices).map((name) => oneOf('work', name, choices))
  const askedPeers = (peers ?? peerNames).map((name): Name => oneOf('peer', name, peerNames))
  const wants = (...names: string[]) => names.some((name) => asked.includes(name))
  const own = kdgrad(await fastestDevice(device))
  console.log(machine)
  const versions = await present([own, ...peersOf(askedPeers, console.log)])
  const participants = [...versions.keys()]
  const names = participants.map(({ name }) => name)
  const definitionOf = (name: string) => shared.find(({ definition }) => definition.name === name)!.definition

  const rows: Row[] = []
  const add = (row: Row) => {
    rows.push(row)
    console.log(inWords(row))
  }
  for (const { suite, definition } of shared)
    if (wants(suite, definition.name))
      for (const row of await compare(definition, participants, rounds)) add(row)
  let bareNode: Outcome | undefined
  if (wants(COLD_START)) {
    const measured = await coldStarts(definitionOf('KLDiv 128x100'), participants, rounds)
    bareNode = measured.bareNode
    add(measured.row)
  }
  const memory = wants(MEMORY) ? await memoryOf(definitionOf('KD step MNIST'), participants) : []

  if (rows.length > 0) console.log(tableOf(rows, names, rounds, bareNode))
  if (memory.length > 0) console.log(memoryTable(memory))
  const ready = Object.fromEntries([...versions].map(([{ name }, version]) => [name, version]))
  save(FILE, { participants: ready, rows, memory, ...(bareNode ? { bareNode } : {}) })
}

process.exit(await exitCodeOf(() => command.action(run).parseAsync()))
