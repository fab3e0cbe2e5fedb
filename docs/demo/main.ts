import { losses } from 'kdgrad/losses'
import { type Curve, drawCurves } from './curves.ts'
import { disagreements, showDigits } from './digits.ts'
import { methodOf, type Standing, session } from './session.ts'
import { addThemeSwitch } from './theme.ts'

const DEVICES = ['auto', 'cpu', 'webgpu', 'webgl2']
/** Most digits shown at a time. */
const SHOWN = 24
/** Longest stretch without a look at the page, in milliseconds. */
const BREATH = 40

const byId = <E extends Element>(id: string) => document.getElementById(id) as unknown as E
const form = byId<HTMLFormElement>('controls')
const [device, loss] = [byId<HTMLSelectElement>('device'), byId<HTMLSelectElement>('loss')]
const [seed, weight, hard] = ['seed', 'weight', 'ce'].map((id) => byId<HTMLInputElement>(id)) as [
  HTMLInputElement,
  HTMLInputElement,
  HTMLInputElement,
]
const [run, step, reset] = ['run', 'step', 'reset'].map((id) => byId<HTMLButtonElement>(id)) as [
  HTMLButtonElement,
  HTMLButtonElement,
  HTMLButtonElement,
]

let turns: AsyncGenerator<Standing> | undefined
let running = false
/** A turn is under way. */
let busy = false
let points: { alone: [number, number][]; distilled: [number, number][] } = { alone: [], distilled: [] }

function begin(): AsyncGenerator<Standing> {
  points = { alone: [], distilled: [] }
  return session({
    device: device.value,
    loss: loss.value,
    seed: Math.max(0, Math.floor(Number(seed.value) || 0)),
    weights: () => ({ loss: Number(weight.value), ce: Number(hard.value) }),
  })
}

async function turn(): Promise<void> {
  if (busy) return
  busy = true
  turns ??= begin()
  const current = turns
  try {
    const { value, done } = await current.next()
    if (current !== turns) return
    if (value) show(value)
    if (!done) return
    say('Done: both students have come to the end.')
    pause()
    turns = undefined
  } catch (error) {
    say((error as Error).message, true)
    pause()
    turns = undefined
  } finally {
    busy = false
  }
}

async function go(): Promise<void> {
  let last = performance.now()
  while (running) {
    await turn()
    if (performance.now() - last < BREATH) continue
    await new Promise((resolve) => setTimeout(resolve, 0))
    last = performance.now()
  }
}

function pause(): void {
  running = false
  run.textContent = 'Start'
}

function restart(): void {
  turns = undefined
  points = { alone: [], distilled: [] }
  for (const who of ['alone', 'distilled']) byId(`accuracy-${who}`).textContent = '-'
  drawCurves(byId('curves'), [], 300, undefined)
  describe()
}

function show({ doing, step: at, steps, test, teacher, alone, distilled }: Standing): void {
  say(`Step ${at} of ${steps}: ${doing}.`)
  const accuracy = (logits: Float32Array) => {
    let right = 0
    for (let i = 0; i < test.size; i++) {
      const row = logits.subarray(i * test.classes, (i + 1) * test.classes)
      if (row.indexOf(Math.max(...row)) === test.labels[i]) right++
    }
    return (100 * right) / test.size
  }
  if (teacher) byId('accuracy-teacher').textContent = `${accuracy(teacher).toFixed(1)} %`
  if (!teacher || !alone || !distilled) return
  for (const [who, logits] of [
    ['alone', alone],
    ['distilled', distilled],
  ] as const) {
    points[who].push([at, accuracy(logits)])
    byId(`accuracy-${who}`).textContent = `${accuracy(logits).toFixed(1)} %`
  }
  const curves: Curve[] = (['alone', 'distilled'] as const).map((name) => ({ name, points: points[name] }))
  drawCurves(byId('curves'), curves, steps, accuracy(teacher))
  const apart = disagreements(test, teacher, distilled)
  byId('disagreeing').textContent =
    `${apart.length} of ${test.size} test images${apart.length > SHOWN ? `, ${SHOWN} of them here` : ''}.`
  showDigits(byId('digits'), test, apart.slice(0, SHOWN))
}

function say(text: string, wrong = false): void {
  const status = byId<HTMLParagraphElement>('status')
  status.textContent = text
  status.classList.toggle('wrong', wrong)
}

/** What the weights come to, and which method is chosen. */
function describe(): void {
  const { about, mix } = losses.get(loss.value)!
  const shown = (n: number) => Number(n.toPrecision(4))
  byId('weight-now').textContent =
    `${weight.value} x ${mix.weight} = ${shown(Number(weight.value) * mix.weight)}`
  const beside = methodOf(loss.value).terms.length > 1
  hard.disabled = !beside
  byId('ce-now').textContent = beside
    ? `${hard.value} x ${mix.ce} = ${shown(Number(hard.value) * mix.ce)}`
    : 'this method has none'
  byId('about').textContent = [about.title, about.paper].filter(Boolean).join('. ')
}

device.replaceChildren(...DEVICES.map((name) => new Option(name)))
loss.replaceChildren(...[...losses.keys()].map((id) => new Option(id, id, id === 'kldiv', id === 'kldiv')))
addThemeSwitch(byId('theme'))
restart()
say('Ready.')
form.addEventListener('submit', (event) => {
  event.preventDefault()
  running = !running
  run.textContent = running ? 'Pause' : 'Start'
  if (running) void go()
})
step.addEventListener('click', () => {
  pause()
  void turn()
})
reset.addEventListener('click', () => {
  pause()
  restart()
  say('Ready.')
})
for (const input of [weight, hard]) input.addEventListener('input', describe)
for (const input of [device, loss, seed]) input.addEventListener('change', restart)
