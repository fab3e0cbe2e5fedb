import { Command } from 'commander'
import { count } from '../../src/cli/numbers.ts'
import { inOneSentence } from '../../src/cli/one-sentence.ts'
import { oneOf } from '../../src/cli/suggest.ts'
import type { Definition } from '../definition.ts'
import { suites } from '../suites.ts'
import { Child, ParticipantError } from './child.ts'
import { COLD_START, coldStarts } from './cold-start.ts'
import { MEMORY, memoryOf } from './memory-growth.ts'
import { type Name, type Participant, PEERS, type Place, peersOf } from './participants.ts'
import { inWords, memoryTable, tableOf } from './report.ts'
import { save } from './save.ts'
import { compare, type Outcome, type Row } from './works.ts'

// What `npm run bench:peers` and `npm run bench:gpu` have in common: all but where participants compute.

/** A work that all participants know, and its suite. */
export interface Choice {
  readonly suite: string
  readonly definition: Definition
}

export const sharedWorks: readonly Choice[] = suites.flatMap(({ name: suite, works }) =>
  works.flatMap(({ definition }) => (definition ? [{ suite, definition }] : [])),
)

/** A command that compares. */
export interface Comparing {
  readonly name: string
  readonly description: string
  readonly place: Place
  readonly works: readonly Choice[]
  /** Works and suites that are compared where none are named; all where left out. */
  readonly usual?: readonly string[]
}

export interface Flags {
  readonly works?: readonly string[]
  readonly peers?: readonly string[]
  readonly rounds: number
}

/** What a command line asks for. */
export interface Asked {
  /** In the order of the table. */
  readonly definitions: readonly Definition[]
  readonly coldStart: boolean
  readonly memory: boolean
  readonly peers: readonly Name[]
  readonly rounds: number
}

const choicesOf = ({ works }: Comparing) => [
  ...new Set(works.map(({ suite }) => suite)),
  ...works.map(({ definition }) => definition.name),
  COLD_START,
  MEMORY,
]

export function commandOf(comparing: Comparing): Command {
  const { name, description, place, usual } = comparing
  const command = new Command(name)
    .description(description)
    .option(
      '--works <names...>',
      `of ${choicesOf(comparing).join(', ')}; ${usual?.join(', ') ?? 'all'} where left out`,
    )
    .option('--peers <names...>', `of ${PEERS[place].join(', ')}; all that are there where left out`)
    .option('--rounds <n>', 'samples of each participant', count, 10)
  return inOneSentence(command)
}

/** @throws KdgradError where a name is unknown. */
export function askedOf(comparing: Comparing, flags: Flags): Asked {
  const choices = choicesOf(comparing)
  const named = (flags.works ?? comparing.usual ?? choices).map((name) => oneOf('work', name, choices))
  const known = PEERS[comparing.place]
  const definitions = named.flatMap((name) =>
    comparing.works
      .filter(({ suite, definition }) => suite === name || definition.name === name)
      .map(({ definition }) => definition),
  )
  return {
    definitions: [...new Set(definitions)],
    coldStart: named.includes(COLD_START),
    memory: named.includes(MEMORY),
    peers: (flags.peers ?? known).map((name) => oneOf('peer', name, known)),
    rounds: flags.rounds,
  }
}

/** Compares kdgrad with the peers that are there, prints the table, and saves it as what the machine `on` has measured. */
export async function compareAll(
  { definitions, coldStart, memory, peers, rounds }: Asked,
  own: Participant,
  place: Place,
  on: string,
  file: string,
): Promise<void> {
  const versions = await present([own, ...peersOf(peers, place, console.log)])
  const participants = [...versions.keys()]
  const rows: Row[] = []
  const add = (row: Row) => {
    rows.push(row)
    console.log(inWords(row))
  }
  for (const definition of definitions)
    for (const row of await compare(definition, participants, rounds)) add(row)
  let bareNode: Outcome | undefined
  if (coldStart) {
    const measured = await coldStarts(definitionOf('KLDiv 128x100'), participants, rounds)
    bareNode = measured.bareNode
    add(measured.row)
  }
  const growths = memory ? await memoryOf(definitionOf('KD step MNIST'), participants) : []

  console.log(`${new Date().toISOString().slice(0, 10)}, ${on}`)
  const names = participants.map(({ name }) => name)
  if (rows.length > 0) console.log(tableOf(rows, names, rounds, bareNode))
  if (growths.length > 0) console.log(memoryTable(growths))
  const ready = Object.fromEntries([...versions].map(([{ name }, version]) => [name, version]))
  save(file, { participants: ready, rows, memory: growths, ...(bareNode ? { bareNode } : {}) }, on)
}

const definitionOf = (name: string): Definition =>
  sharedWorks.find(({ definition }) => definition.name === name)!.definition

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
