import { Command } from 'commander'
import { device as choose, conv2d, vjp } from 'kdgrad'
import { exitCodeOf } from '../src/cli/exit-code.ts'
import { inOneSentence } from '../src/cli/one-sentence.ts'
import { oneOf } from '../src/cli/suggest.ts'
import { tableText } from '../src/cli/table.ts'
import { computing } from './computing.ts'
import { fastestDevice, HOST_DEVICES } from './fastest-device.ts'
import { tensorOf, uniform } from './inputs.ts'
import { machine, ms, twoDigits } from './results.ts'
import { finished, type Run } from './support.ts'

/** Something to time, and how many multiplications and additions it takes. */
interface Case {
  readonly flops: number
  readonly prepare: () => Run
}

interface Timed {
  readonly ms: number
  /** GFLOP/s. */
  readonly rate: number
}

/** A 3x3 convolution with padding 1 and its gradients; of the network's first one the images need none. */
interface Convolution {
  readonly batch: number
  readonly from: number
  readonly to: number
  readonly side: number
  readonly first?: boolean
}

function convolution({ batch, from, to, side, first = false }: Convolution): Case {
  return {
    flops: 2 * 9 * from * to * batch * side * side * (first ? 2 : 3),
    prepare: () => {
      const x = tensorOf(uniform(1, [batch, from, side, side]))
      const w = tensorOf(uniform(2, [to, from, 3, 3]))
      const dy = tensorOf(uniform(3, [batch, to, side, side]))
      return computing(() => {
        const y = conv2d(x, w, { padding: 1 })
        return [y, ...vjp([y], first ? [w] : [x, w], [dy])]
      })
    },
  }
}

const product = (n: number): Case => ({
  flops: 2 * n ** 3,
  prepare: () => {
    const [a, b] = [tensorOf(uniform(1, [n, n])), tensorOf(uniform(2, [n, n]))]
    return computing(() => [a.matmul(b)])
  },
})

/** Milliseconds that a sample lasts at least, and that a case warms up. */
const SAMPLE = 10
const WARM_UP = 500
const ROUNDS = 8
/** A case whose run takes more milliseconds has one sample only. */
const SLOW = 1000

/** The fastest sample of each case, taken in turn: what else the machine does makes times longer, never shorter. */
async function time(cases: readonly Case[]): Promise<Timed[]> {
  const racers: Racer[] = []
  for (const { prepare } of cases) racers.push(await warmUp(prepare()))
  for (let round = 0; round < ROUNDS; round++)
    for (const racer of racers)
      if (round < racer.rounds) racer.fastest = Math.min(racer.fastest, await sample(racer.run, racer.runs))
  return racers.map(({ fastest }, i) => ({ ms: fastest, rate: cases[i]!.flops / fastest / 1e6 }))
}

interface Racer {
  readonly run: Run
  /** How many runs a sample is the mean of. */
  readonly runs: number
  readonly rounds: number
  fastest: number
}

async function warmUp(run: Run): Promise<Racer> {
  let once = Number.POSITIVE_INFINITY
  for (const start = performance.now(); performance.now() - start < WARM_UP; ) once = await sample(run, 1)
  const runs = Math.max(1, Math.ceil(SAMPLE / once))
  return { run, runs, rounds: once > SLOW ? 1 : ROUNDS, fastest: Number.POSITIVE_INFINITY }
}

async function sample(run: Run, runs: number): Promise<number> {
  const start = performance.now()
  for (let i = 0; i < runs; i++) await finished(run)
  return (performance.now() - start) / runs
}

const cells = ({ ms: milliseconds, rate }: Timed) => [ms(milliseconds), twoDigits(rate)]

/** The two convolutions of the KD step MNIST. */
async function convolutions(head: string, sizes: readonly { label: string; batch: number; width: number }[]) {
  const rows: string[][] = []
  for (const { label, batch, width } of sizes) {
    const [first, second] = await time([
      convolution({ batch, from: 1, to: 16 * width, side: 28, first: true }),
      convolution({ batch, from: 16 * width, to: 32 * width, side: 14 }),
    ])
    rows.push([label, ...cells(first!), ...cells(second!)])
  }
  console.log(tableText([head, 'first, ms', 'GFLOP/s', 'second, ms', 'GFLOP/s'], rows))
}

const batches = () =>
  convolutions(
    'convolutions of the KD step MNIST by batch',
    [1, 2, 4, 8, 16, 32, 64, 128, 256, 512].map((batch) => ({ label: `${batch}`, batch, width: 1 })),
  )

const widths = () =>
  convolutions(
    'the same, batch 64, by width',
    [1, 2, 4, 8].map((width) => ({ label: `x${width}`, batch: 64, width })),
  )

/** A size that is odd, most of them prime, and how to make the case of it and of its even neighbours. */
interface Odd {
  readonly what: string
  readonly sizes: readonly number[]
  readonly at: (n: number) => Case
}

const conv = { batch: 16, from: 32, to: 32, side: 16 }
const odds: readonly Odd[] = [
  { what: 'matmul', sizes: [61, 67, 127, 131, 251, 257, 509, 513], at: product },
  { what: 'conv side', sizes: [7, 13, 17, 31], at: (side) => convolution({ ...conv, side }) },
  { what: 'conv channels in', sizes: [13, 17, 31, 61], at: (from) => convolution({ ...conv, from }) },
  { what: 'conv channels out', sizes: [13, 17, 31, 61], at: (to) => convolution({ ...conv, to }) },
  { what: 'conv batch', sizes: [1, 3, 7, 13, 31], at: (batch) => convolution({ ...conv, batch }) },
]
const ALLOWED = 1.5

async function sizes() {
  const rows: string[][] = []
  let worst = { label: '', ratio: 0 }
  for (const { what, sizes, at } of odds) {
    for (const n of sizes) {
      const neighbours = [n - 1, n + 1].filter((even) => even > 0)
      const [odd, ...even] = await time([n, ...neighbours].map(at))
      const ratio = Math.max(...even.map(({ rate }) => rate)) / odd!.rate
      const label = `${what} ${n}`
      if (ratio > worst.ratio) worst = { label, ratio }
      const rates = even.map(({ rate }, i) => `${neighbours[i]}: ${twoDigits(rate)}`).join(', ')
      rows.push([label, ...cells(odd!), rates, `${ratio.toFixed(2)}x`])
    }
  }
  console.log(tableText(['odd sizes', 'ms', 'GFLOP/s', 'GFLOP/s of neighbours', 'slower by'], rows))
  const verdict = worst.ratio <= ALLOWED ? 'within' : 'more than'
  console.log(
    `Worst: ${worst.label}, ${worst.ratio.toFixed(2)}x slower per multiplication than its faster neighbour, ${verdict} ${ALLOWED}x.`,
  )
}

const tables = { batch: batches, width: widths, sizes }
type Table = keyof typeof tables
const tableNames = Object.keys(tables) as Table[]

const command = new Command('bench:scaling')
  .description('how time goes with batch, width and awkward sizes')
  .argument('[tables...]', `of ${tableNames.join(', ')}; all where left out`)
  .option('--device <name>', `of ${HOST_DEVICES.join(', ')}`)

async function run(asked: readonly string[], { device }: { device?: string }): Promise<void> {
  for (const name of asked) oneOf('table', name, tableNames)
  const { name, description } = await choose(await fastestDevice(device))
  console.log(`${machine}; ${name}: ${description}; the fastest of ${ROUNDS} samples`)
  for (const table of tableNames) if (asked.length === 0 || asked.includes(table)) await tables[table]()
}

// gpu.js's workers would keep the process alive.
process.exit(await exitCodeOf(() => inOneSentence(command).action(run).parseAsync()))
