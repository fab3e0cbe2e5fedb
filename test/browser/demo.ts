import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { oneOf } from '../../src/cli/suggest.ts'
import { deviceNames } from '../../src/device/open.ts'
import { losses } from '../../src/losses/index.ts'
import { flagsOf, listOf } from '../support/flags.ts'
import { launchChromium } from './chromium.ts'
import { serve } from './serve.ts'

// npm run test:demo [-- --write] [-- --losses all]: the page of docs/demo, built as it is deployed, used by mouse on a desk and
// by keyboard on a phone. `--write` keeps the screenshots in docs/. A loss is picked while another one trains.
// npm run test:demo -- --device webgl2: only the training at a desk, on that device, and how long the page does not answer.

interface Flags {
  readonly write: boolean
  readonly device?: string
  readonly losses: readonly string[]
}

const ids = [...losses.keys()]
const SOME = ['dkd', 'fitnet', 'crd', 'simkd', 'fsp', 'tfkd']
const flags = await flagsOf<Flags>('test:demo', (command) =>
  command
    .description("uses the page of docs/demo in the system's Chromium")
    .option('--write', 'keeps the screenshots in docs/', false)
    .option('--device <name>', 'only trains, on that device', (name) => oneOf('device', name, deviceNames))
    .option(
      '--losses <list>',
      'picked one after the other, or all',
      (text) => (text === 'all' ? ids : listOf('loss', ids)(text)),
      SOME,
    ),
)
const browser = await launchChromium()
const site = await serve('docs/demo', { isolated: false })
const complaints: string[] = []

/** The device that was used last, where devices are caught. */
declare const inUse: GpuDevice | WebGL2RenderingContext
interface GpuDevice {
  destroy(): void
}

async function open(
  options: object,
  { gpu = true, catching = false }: { gpu?: boolean; catching?: boolean } = {},
): Promise<Page> {
  const tab = await browser.newPage(options)
  // GPUs are the processor here, and slow.
  tab.setDefaultTimeout((flags.device ? 40 : 4) * 60_000)
  tab.on('pageerror', ({ message }) => complaints.push(message))
  tab.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  if (catching) await tab.addInitScript(catchDevices)
  if (!gpu) await tab.addInitScript(() => Object.defineProperty(navigator, 'gpu', { value: undefined }))
  await tab.goto(site.url)
  return tab
}

const percent = async (tab: Page, who: string) =>
  Number.parseFloat((await tab.textContent(`#accuracy-${who}`)) ?? '')
const until = (tab: Page, id: string, text: string) =>
  tab.waitForFunction(([id, wanted]) => document.getElementById(id!)?.textContent?.match(wanted!), [
    id,
    text,
  ] as const)
/** The students have been judged at least once while they learn. */
const studentsLearn = async (tab: Page, loss: string, device = 'cpu') => {
  await until(tab, 'status', `^The students learn, on ${device}|^${loss}:|^train:`)
  assert.match((await tab.textContent('#status')) ?? '', /^The students/)
  await until(tab, 'at', '^Step ([2-9]\\d|\\d{3}) of 300')
}

/** The longest stretch in which the page has had no turn since it was last asked, in milliseconds. */
async function watchSilence(tab: Page): Promise<() => Promise<number>> {
  await tab.evaluate(() => {
    const seen = { last: performance.now(), longest: 0 }
    setInterval(() => {
      const now = performance.now()
      seen.longest = Math.max(seen.longest, now - seen.last)
      seen.last = now
    }, 10)
    Object.assign(globalThis, { seen })
  })
  return () =>
    tab.evaluate(() => {
      const { seen } = globalThis as unknown as { seen: { longest: number } }
      const { longest } = seen
      seen.longest = 0
      return Math.round(longest)
    })
}

async function atADesk(): Promise<void> {
  const device = flags.device ?? 'cpu'
  const tab = await open({ viewport: { width: 1000, height: 1270 }, colorScheme: 'light' })
  const silence = await watchSilence(tab)
  await tab.selectOption('#device', device)
  await tab.click('#run')
  await until(tab, 'status', `^The teacher learns, on ${device}`)
  console.log(`${device}: until the first step the page did not answer for ${await silence()} ms at most`)
  await studentsLearn(tab, 'kldiv', device)
  console.log(`${device}: while the teacher learnt, for ${await silence()} ms at most`)
  // Turned while it trains.
  await tab.fill('#weight', '2')
  await tab.fill('#temperature', '0.5')
  assert.equal(await tab.textContent('#weight-now'), '2 × 0.9 = 1.8')
  assert.equal(await tab.textContent('#temperature-now'), '0.5 × 4 = 2')
  await until(tab, 'status', '^Done')
  const [teacher, alone, distilled] = [
    await percent(tab, 'teacher'),
    await percent(tab, 'alone'),
    await percent(tab, 'distilled'),
  ]
  console.log(`${device}: while the students learnt, for ${await silence()} ms at most`)
  console.log(`kldiv: teacher ${teacher}, alone ${alone}, distilled ${distilled} %`)
  assert.ok(teacher > 85 && alone > 60 && distilled > 70, 'accuracy must rise well above the chance of 10 %')
  assert.ok((await tab.locator('#digits li').count()) > 0)
  assert.equal(await tab.locator('#curves .curve').count(), 2)
  if (flags.write) await tab.screenshot({ path: 'docs/demo-light.png' })
  await tab.close()
}

async function anotherLoss(): Promise<void> {
  const tab = await open({ viewport: { width: 1000, height: 1200 } })
  await tab.selectOption('#device', 'cpu')
  await tab.click('#run')
  for (const loss of flags.losses) {
    await tab.selectOption('#loss', loss)
    await studentsLearn(tab, loss)
    const reached = await percent(tab, 'distilled')
    console.log(`${loss}: ${reached} %, ${await tab.textContent('#at')}`)
    assert.ok(reached > 20, `${loss} must be above the chance of 10 %`)
    assert.equal(await tab.textContent('#run'), 'Pause')
  }
  await tab.click('#run')
  const at = await tab.textContent('#at')
  await tab.click('#step')
  await tab.waitForFunction((before) => document.getElementById('at')?.textContent !== before, at)
  await tab.click('#reset')
  assert.equal(await tab.textContent('#status'), 'Ready.')
  await tab.close()
}

/** In the page: knows the device in use by a call that training makes all the time. */
function catchDevices(): void {
  type Methods<T> = { readonly prototype: Record<string, (this: T, ...args: unknown[]) => unknown> }
  const { GPUDevice, WebGL2RenderingContext: Context } = globalThis as unknown as {
    GPUDevice: Methods<GpuDevice>
    WebGL2RenderingContext: Methods<WebGL2RenderingContext>
  }
  const [encode, draw] = [GPUDevice.prototype.createCommandEncoder!, Context.prototype.drawArrays!]
  GPUDevice.prototype.createCommandEncoder = function (...args) {
    Object.assign(globalThis, { inUse: this })
    return encode.apply(this, args)
  }
  Context.prototype.drawArrays = function (...args) {
    Object.assign(globalThis, { inUse: this })
    return draw.apply(this, args)
  }
}

/** What is absent says why, in the list of devices and where it is started all the same. */
async function withoutGpu(): Promise<void> {
  const tab = await open({}, { gpu: false })
  await until(tab, 'device', 'webgpu: absent')
  assert.match((await tab.textContent('#absent')) ?? '', /^webgpu: there is no navigator\.gpu/)
  await tab.selectOption('#device', 'webgpu')
  await tab.click('#run')
  await until(tab, 'status', '^webgpu: there is no navigator.gpu')
  assert.equal(await tab.textContent('#run'), 'Start')
  await tab.close()
}

/** A device that is taken away while it trains: the page says so, and starts again on a new one. */
async function losingDevices(): Promise<void> {
  for (const device of ['webgpu', 'webgl2']) {
    const tab = await open({}, { catching: true })
    await tab.selectOption('#device', device)
    await tab.click('#run')
    const trains = async () => {
      await until(tab, 'at', '^Step [2-9] of')
      assert.match((await tab.textContent('#status')) ?? '', RegExp(`^The teacher learns, on ${device}`))
    }
    await trains()
    await tab.evaluate(() =>
      'destroy' in inUse ? inUse.destroy() : inUse.getExtension('WEBGL_lose_context')!.loseContext(),
    )
    await until(tab, 'status', `^The device ${device} was lost while it trained`)
    assert.equal(await tab.textContent('#run'), 'Start')
    await tab.click('#run')
    await trains()
    await tab.close()
  }
}

/** Narrow, dark, and by keyboard alone. */
async function onAPhone(): Promise<void> {
  const tab = await open({ viewport: { width: 360, height: 780 }, colorScheme: 'dark', hasTouch: true })
  const reach = async (id: string) => {
    for (let i = 0; i < 20; i++) {
      await tab.keyboard.press('Tab')
      if ((await tab.evaluate(() => document.activeElement?.id)) === id) return
    }
    assert.fail(`${id} is not reached by Tab`)
  }
  const ground = () => tab.evaluate(() => getComputedStyle(document.body).backgroundColor)
  const dark = await ground()
  assert.equal(dark, 'rgb(20, 23, 26)')
  await reach('theme')
  await tab.keyboard.press('Enter')
  assert.notEqual(await ground(), dark)
  await tab.keyboard.press('Enter')
  await reach('weight')
  await tab.keyboard.press('ArrowRight')
  assert.match((await tab.textContent('#weight-now')) ?? '', /^1.05 ×/)
  await reach('run')
  await tab.keyboard.press('Enter')
  await studentsLearn(tab, 'kldiv')
  await until(tab, 'at', '^Step 1\\d\\d of 300')
  await tab.keyboard.press('Enter')
  assert.equal(await tab.textContent('#run'), 'Start')
  const wide = await tab.evaluate(() => document.documentElement.scrollWidth)
  assert.ok(wide <= 360, `the page is ${wide} pixels wide`)
  const clip = { x: 0, y: 0, width: 360, height: 1500 }
  if (flags.write) await tab.screenshot({ path: 'docs/demo-phone-dark.png', fullPage: true, clip })
  await tab.close()
}

const parts = flags.device ? [atADesk] : [atADesk, anotherLoss, withoutGpu, losingDevices, onAPhone]
let failed = 0
for (const part of parts)
  try {
    await part()
    console.log(`${part.name}: passed`)
  } catch (error) {
    failed++
    console.log(`${part.name}: FAILED, ${(error as Error).message}`)
  }
for (const complaint of complaints) console.log(`console: ${complaint}`)
await browser.close()
await site.close()
console.log(`${parts.length - failed} passed, ${failed + complaints.length} failed`)
process.exit(failed + complaints.length === 0 ? 0 : 1)
