import { chosenLoss, chosenSeed, setUpControls, turned } from './controls.ts'
import { listDevices, lookFor } from './devices.ts'
import { byId, say } from './page.ts'
import { Runner } from './runner.ts'
import { type Standing, session } from './session.ts'
import { clear, show } from './show.ts'
import { addThemeSwitch } from './theme.ts'

const READY = 'Ready.'
const run = byId<HTMLButtonElement>('run')
const device = byId<HTMLSelectElement>('device')
const reasons = byId('absent')
let known = listDevices(device, reasons)

const runner = new Runner({ begin, onTurn: show, onEnd })

async function* begin(): AsyncGenerator<Standing> {
  clear()
  say('The glyphs are drawn.')
  await known
  // Drawing them takes a second, so the page shows first that it has begun.
  await new Promise((resolve) => setTimeout(resolve, 20))
  yield* session({ device: device.value, loss: chosenLoss(), seed: chosenSeed(), turned })
}

function onEnd(error?: Error): void {
  if (error) say(error.message, true)
  else say('Done: both students have come to the end.')
  label()
}

function take(turns: number): void {
  runner.take(turns)
  label()
}

function label(): void {
  run.textContent = runner.running ? 'Pause' : 'Start'
}

/** What has been chosen needs a new beginning: at once where it is running. */
function startOver(): void {
  runner.leave()
  clear()
  say(runner.running ? 'It begins anew.' : READY)
}

addThemeSwitch(byId('theme'))
setUpControls(startOver)
device.addEventListener('change', () => {
  known = known.then(() => lookFor(device, device.value, reasons))
  startOver()
})
startOver()
byId('controls').addEventListener('submit', (event) => {
  event.preventDefault()
  take(runner.running ? 0 : Number.POSITIVE_INFINITY)
})
byId('step').addEventListener('click', () => take(1))
byId('reset').addEventListener('click', () => {
  take(0)
  startOver()
})
