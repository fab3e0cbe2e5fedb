import { mebibytes } from '../../bench/memory.ts'
import { count } from '../../src/cli/numbers.ts'
import { flagsOf, listOf } from '../support/flags.ts'
import { launchChromium } from './chromium.ts'
import type { Counts } from './live.ts'
import type { Page } from './page.ts'
import { serve } from './serve.ts'

// npm run soak:browser [-- --devices webgpu,webgl2 --steps 5000 --batch 8]: trains S4-8 for long on GPU devices of the
// system's Chromium, with new tensors for every batch and no dispose, and fails if memory grows.

declare const page: Page

interface Flags {
  readonly devices: readonly string[]
  readonly steps: number
  readonly batch: number
}

const GPUS = ['webgpu', 'webgl2']
const flags = await flagsOf<Flags>('soak:browser', (command) =>
  command
    .description("trains for long on GPU devices of the system's Chromium, and fails if memory grows")
    .option('--devices <list>', 'which', listOf('device', GPUS), GPUS)
    .option('--steps <n>', 'training steps', count, 5000)
    .option('--batch <n>', 'images of a step', count, 8),
)

const LOOKS = 10
const MiB = 2 ** 20

/** What is looked at, and how much more of it there may be at the last look than at the second. */
const BOUNDS = {
  // Of these, those that were released in the last 16 submissions are kept for their next use.
  buffers: 32,
  textures: 8,
  programs: 0,
  framebuffers: 0,
  'MiB of buffers': 1 * MiB,
  'MiB heap': 1 * MiB,
  'MiB arrays': 1 * MiB,
} as const

/** How many more buffers or textures than at a look there may be before it: those that wait for the collector. */
const WAITING = 500

type Measure = keyof typeof BOUNDS
/** What a look found; other devices have other objects. */
type Sample = Readonly<Partial<Record<Measure, number>>>

const shown = (measure: string, value: number) => (measure.startsWith('MiB') ? mebibytes(value) : `${value}`)
const cell = (text: string) => text.padStart(15)

/** Prints what every look finds, and whether memory grew; gives whether it stayed flat. */
async function soak(name: string, steps: number, batch: number): Promise<boolean> {
  const tab = await browser.newPage()
  const inspector = await tab.context().newCDPSession(tab)
  const samples: Sample[] = []
  let waiting = 0
  const start = performance.now()
  await tab.exposeFunction('collect', () => inspector.send('HeapProfiler.collectGarbage'))
  await tab.exposeFunction('look', async (step: number, loss: number, { live, most, bytes }: Counts) => {
    const { usedSize, backingStorageSize } = await inspector.send('Runtime.getHeapUsage')
    const sample: Sample = {
      ...live,
      ...(bytes === undefined ? {} : { 'MiB of buffers': bytes }),
      'MiB heap': usedSize,
      'MiB arrays': backingStorageSize,
    }
    waiting = Math.max(waiting, most - (live.buffers ?? live.textures)!)
    const measures = Object.entries(sample)
    if (samples.push(sample) === 1)
      console.log(
        ['step', ...measures.map(([measure]) => measure), 'most at a time', 'loss', 'seconds']
          .map(cell)
          .join(''),
      )
    const seconds = (performance.now() - start) / 1000
    const found = measures.map(([measure, value]) => shown(measure, value))
    console.log([`${step}`, ...found, `${most}`, loss.toFixed(4), seconds.toFixed(0)].map(cell).join(''))
  })
  await tab.goto(site.url)
  await tab.waitForFunction(() => 'page' in globalThis)
  const every = Math.max(1, Math.floor(steps / LOOKS))
  await tab.evaluate((args) => page.soak(...args), [name, steps, batch, every] as const)
  await tab.close()
  if (samples.length < LOOKS) {
    console.log(
      `${name}: too few looks, got ${samples.length} of ${LOOKS}. Give a whole number of at least ${LOOKS} steps.`,
    )
    return false
  }
  const faults = (Object.entries(BOUNDS) as [Measure, number][]).flatMap(([measure, bound]) => {
    const [from, to] = [samples[1]![measure] ?? 0, samples.at(-1)![measure] ?? 0]
    const [less, more, most] = [from, to, bound].map((value) => shown(measure, value))
    return to - from > bound ? [`${measure} from ${less} to ${more} where ${most} more is allowed`] : []
  })
  if (waiting > WAITING) faults.push(`${waiting} unreleased between two looks where ${WAITING} are allowed`)
  console.log(
    faults.length === 0
      ? `${name}: memory is flat.`
      : `${name}: memory grows, got ${faults.join('; ')}. Something holds on to what a step made.`,
  )
  return faults.length === 0
}

const browser = await launchChromium()
const site = await serve('test/browser', { isolated: false })
let failed = 0
for (const name of flags.devices) {
  console.log(
    `\n${flags.steps} steps of S4-8, batch ${flags.batch}, on ${name} in Chromium ${browser.version()}`,
  )
  const flat = await soak(name, flags.steps, flags.batch).catch((error: Error) => {
    console.log(error.message)
    return false
  })
  if (!flat) failed++
}
await browser.close()
await site.close()
process.exit(failed === 0 ? 0 : 1)
