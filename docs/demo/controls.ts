import { losses } from 'kdgrad/losses'
import { byId } from './page.ts'
import { methodOf, type Turned } from './runs.ts'

/** The loss that the page begins with. */
const FIRST = 'kldiv'

const loss = byId<HTMLSelectElement>('loss')
const seed = byId<HTMLInputElement>('seed')
const sliders = {
  weight: byId<HTMLInputElement>('weight'),
  ce: byId<HTMLInputElement>('ce'),
  temperature: byId<HTMLInputElement>('temperature'),
} satisfies Record<keyof Turned, HTMLInputElement>
const turnable = Object.keys(sliders) as (keyof Turned)[]

export const chosenLoss = (): string => loss.value
export const chosenSeed = (): number => Math.max(0, Math.floor(Number(seed.value) || 0))

export const turned = (): Turned => ({
  weight: Number(sliders.weight.value),
  ce: Number(sliders.ce.value),
  temperature: Number(sliders.temperature.value),
})

/** Lists the losses. Sliders act by themselves; `onChoice` hears of what needs a new beginning. */
export function setUpControls(onChoice: () => void): void {
  loss.replaceChildren(...[...losses.keys()].map((id) => new Option(id, id, id === FIRST, id === FIRST)))
  for (const name of turnable) sliders[name].addEventListener('input', describeTurned)
  loss.addEventListener('change', () => {
    for (const name of turnable) sliders[name].value = '1'
    describeLoss()
    onChoice()
  })
  seed.addEventListener('change', onChoice)
  describeLoss()
}

function describeLoss(): void {
  const { title, paper, formula } = losses.get(loss.value)!.about
  byId('about').textContent = [title, paper].filter(Boolean).join('. ')
  byId('formula').textContent = formula ?? ''
  describeTurned()
}

/** What each slider comes to. */
function describeTurned(): void {
  const { terms } = methodOf(loss.value)
  const own = terms.at(-1)!
  const published: Record<keyof Turned, unknown> = {
    weight: own.weight,
    ce: terms.length > 1 ? terms[0]!.weight : undefined,
    temperature: own.params.temperature,
  }
  for (const name of turnable) {
    const slider = sliders[name]
    const by = published[name]
    slider.disabled = typeof by !== 'number'
    const text =
      typeof by === 'number'
        ? `${slider.value} × ${by} = ${Number((Number(slider.value) * by).toPrecision(4))}`
        : 'none here'
    byId(`${name}-now`).textContent = text
    slider.setAttribute('aria-valuetext', text)
  }
}
