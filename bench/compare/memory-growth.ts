import { join } from 'node:path'
import type { Definition } from '../definition.ts'
import { Child, ParticipantError } from './child.ts'
import type { Name, Participant } from './participants.ts'
import type { MemoryInUse } from './protocol.ts'
import { inFolder, prepare, share } from './sharing.ts'

export const MEMORY = 'memory'

/** What a participant's process holds after the first tenth of the steps, and after the last. */
export type Growth =
  | {
      readonly participant: Name
      readonly steps: number
      readonly ms: number
      readonly early: MemoryInUse
      readonly late: MemoryInUse
    }
  | { readonly participant: Name; readonly error: string }

const STEPS = 5000
/** Seconds for a participant's steps; slow ones do fewer, but never fewer than `FEWEST`. */
const SECONDS = 120
const FEWEST = 20
/** Memory is looked at as often. */
const LOOKS = 10

/** Trains by `step`, on one thread, one participant after the other. */
export async function memoryOf(step: Definition, participants: readonly Participant[]): Promise<Growth[]> {
  return inFolder(async (folder) => {
    const shared = await share(step, folder)
    const growths: Growth[] = []
    for (const { name, worker } of participants) {
      let child: Child | undefined
      try {
        child = (await Child.start(worker(1))).child
        await prepare(child, shared, join(folder, 'results.bin'))
        growths.push({ participant: name, ...(await train(child)) })
      } catch (error) {
        if (!(error instanceof ParticipantError)) throw error
        growths.push({ participant: name, error: error.message })
      } finally {
        child?.stop()
      }
    }
    return growths
  })
}

async function train(child: Child) {
  const { ms: trial } = await child.ask({ do: 'run', times: 3 })
  const affordable = Math.floor((SECONDS * 1000) / (trial / 3))
  const each = Math.ceil(Math.min(STEPS, Math.max(FEWEST, affordable)) / LOOKS)
  const looks: MemoryInUse[] = []
  let ms = 0
  for (let i = 0; i < LOOKS; i++) {
    ms += (await child.ask({ do: 'run', times: each })).ms
    looks.push(await child.ask({ do: 'memory' }))
  }
  return { steps: each * LOOKS, ms: ms / (each * LOOKS), early: looks[0]!, late: looks.at(-1)! }
}
