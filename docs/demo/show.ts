import { accuracyOf } from 'kdgrad/train'
import { type Curve, drawCurves } from './curves.ts'
import { disagreements, showDigits } from './digits.ts'
import { byId, say } from './page.ts'
import type { Standing } from './session.ts'

/** Most digits shown at a time. */
const SHOWN = 24
const NETWORKS = ['teacher', 'alone', 'distilled'] as const

type Network = (typeof NETWORKS)[number]

let points: Record<Network, [step: number, accuracy: number][]>

/** An empty page: a new session begins. */
export function clear(): void {
  points = { teacher: [], alone: [], distilled: [] }
  for (const who of NETWORKS) byId(`accuracy-${who}`).textContent = '–'
  draw('students', 1)
  byId<HTMLProgressElement>('progress').value = 0
  byId('at').textContent = ''
  byId('disagreeing').textContent = 'Nothing to compare yet.'
  byId('digits').replaceChildren()
}

/** Shows what a step has come to. */
export function show(standing: Standing): void {
  const { phase, doing, step, steps, test, teacher, distilled } = standing
  say(`${doing[0]!.toUpperCase()}${doing.slice(1)}.`)
  const bar = byId<HTMLProgressElement>('progress')
  bar.max = steps
  bar.value = step
  byId('at').textContent = `Step ${step} of ${steps}`
  for (const who of NETWORKS) {
    const logits = standing[who]
    if (!logits) continue
    const accuracy = 100 * accuracyOf(logits, test)
    points[who].push([step, accuracy])
    byId(`accuracy-${who}`).textContent = `${accuracy.toFixed(1)} %`
  }
  if (phase === 'teacher' ? teacher : distilled) draw(phase, steps)
  if (!teacher || !distilled) return
  const apart = disagreements(test, teacher, distilled)
  const part = apart.length > SHOWN ? `, ${SHOWN} of them here` : ''
  byId('disagreeing').textContent = `${apart.length} of ${test.size} test images${part}.`
  showDigits(byId('digits'), test, apart.slice(0, SHOWN))
}

/** While the teacher learns, its curve; then those of the students, below its level. */
function draw(phase: Standing['phase'], steps: number): void {
  const curve = (name: Network): Curve => ({ name, points: points[name] })
  const learning = phase === 'teacher'
  const curves = learning ? [curve('teacher')] : [curve('alone'), curve('distilled')]
  drawCurves(byId('curves'), curves, steps, learning ? undefined : points.teacher.at(-1)?.[1])
}
