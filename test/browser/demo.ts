import assert from 'node:assert/strict'
import { parseArgs } from 'node:util'
import type { Page } from 'playwright-core'
import { launchChromium } from './chromium.ts'
import { serve } from './serve.ts'

// npm run test:demo [-- --write]: the page of docs/demo, built as it is deployed, used by mouse on a desk and by keyboard on a
// phone. `--write` keeps the screenshots in docs/.

const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } })
const browser = await launchChromium()
const site = await serve('docs/demo', { isolated: false })
const complaints: string[] = []

async function open(options: object): Promise<Page> {
  const tab = await browser.newPage(options)
  tab.on('pageerror', ({ message }) => complaints.push(message))
  tab.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  await tab.goto(site.url)
  return tab
}

const percent = async (tab: Page, who: string) =>
  Number.parseFloat((await tab.textContent(`#accuracy-${who}`)) ?? '')
const until = (tab: Page, text: string, minutes = 3) =>
  tab.waitForFunction((wanted) => document.getElementById('status')?.textContent?.match(wanted), text, {
    timeout: minutes * 60_000,
  })

async function atADesk(): Promise<void> {
  const tab = await open({ viewport: { width: 1000, height: 1250 }, colorScheme: 'light' })
  await tab.selectOption('#device', 'cpu')
  await tab.click('#run')
  await until(tab, '^Step 60 of 300: the students|^Step [6-9]\\d of 300: the students')
  // Turned while it trains.
  await tab.fill('#weight', '2')
  assert.match((await tab.textContent('#weight-now')) ?? '', /^2 x 0.9 = 1.8$/)
  await until(tab, '^Done')
  const [teacher, alone, distilled] = [
    await percent(tab, 'teacher'),
    await percent(tab, 'alone'),
    await percent(tab, 'distilled'),
  ]
  console.log(`kldiv: teacher ${teacher}, alone ${alone}, distilled ${distilled} %`)
  assert.ok(teacher > 85 && alone > 60 && distilled > 70, 'accuracy must rise well above the chance of 10 %')
  assert.ok((await tab.locator('#digits li').count()) > 0)
  assert.equal(await tab.locator('#curves .curve').count(), 2)
  if (values.write) await tab.screenshot({ path: 'docs/demo-light.png' })
  for (const loss of ['dkd', 'rkd', 'simkd', 'fsp']) {
    await tab.selectOption('#loss', loss)
    await tab.click('#run')
    await until(tab, '^Step [2-9]\\d of 300: the students')
    await tab.click('#run')
    console.log(`${loss}: ${await tab.textContent('#status')} ${await percent(tab, 'distilled')} %`)
  }
  await tab.close()
}

/** Narrow, dark, and by keyboard alone. */
async function onAPhone(): Promise<void> {
  const tab = await open({ viewport: { width: 360, height: 780 }, colorScheme: 'dark', hasTouch: true })
  const wide = await tab.evaluate(() => document.documentElement.scrollWidth)
  assert.ok(wide <= 360, `the page is ${wide} pixels wide`)
  const reach = async (id: string) => {
    for (let i = 0; i < 20; i++) {
      await tab.keyboard.press('Tab')
      if ((await tab.evaluate(() => document.activeElement?.id)) === id) return
    }
    assert.fail(`${id} is not reached by Tab`)
  }
  await reach('weight')
  await tab.keyboard.press('ArrowRight')
  assert.match((await tab.textContent('#weight-now')) ?? '', /^1.05 x/)
  await reach('run')
  await tab.keyboard.press('Enter')
  await until(tab, '^Step [3-9]\\d of 300: the students')
  await tab.keyboard.press('Enter')
  assert.equal(await tab.textContent('#run'), 'Start')
  assert.equal(await tab.evaluate(() => document.documentElement.dataset.theme), 'dark')
  if (values.write) await tab.screenshot({ path: 'docs/demo-phone-dark.png', fullPage: true })
  await tab.close()
}

let failed = 0
for (const part of [atADesk, onAPhone])
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
console.log(`${2 - failed} passed, ${failed + complaints.length} failed`)
process.exit(failed + complaints.length === 0 ? 0 : 1)
