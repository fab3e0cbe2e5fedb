/** Accuracies of a network, in percent, at the steps where it was judged. */
export interface Curve {
  readonly name: 'teacher' | 'alone' | 'distilled'
  readonly points: readonly (readonly [step: number, accuracy: number])[]
}

const WIDTH = 640
const HEIGHT = 230
const LEFT = 80
const RIGHT = 12
const TOP = 16
const BOTTOM = 30

/** Draws the curves, and the teacher's accuracy as a level where it is known, into an SVG of 640 x 230. */
export function drawCurves(
  svg: SVGSVGElement,
  curves: readonly Curve[],
  steps: number,
  teacher: number | undefined,
): void {
  const x = (step: number) => LEFT + (step / steps) * (WIDTH - LEFT - RIGHT)
  const y = (accuracy: number) => TOP + (1 - accuracy / 100) * (HEIGHT - TOP - BOTTOM)
  const grid = [0, 25, 50, 75, 100].flatMap((accuracy) => [
    make('line', { class: 'grid', x1: LEFT, x2: WIDTH - RIGHT, y1: y(accuracy), y2: y(accuracy) }),
    make('text', { x: LEFT - 6, y: y(accuracy) + 4, 'text-anchor': 'end' }, `${accuracy} %`),
  ])
  const ends = [0, steps].map((step) =>
    make('text', { x: x(step), y: HEIGHT - 10, 'text-anchor': step === 0 ? 'start' : 'end' }, `step ${step}`),
  )
  const level =
    teacher === undefined
      ? []
      : [
          make('line', {
            class: 'level teacher',
            x1: LEFT,
            x2: WIDTH - RIGHT,
            y1: y(teacher),
            y2: y(teacher),
          }),
        ]
  const lines = curves.map(({ name, points }) =>
    make('polyline', {
      class: `curve ${name}`,
      points: points.map(([step, accuracy]) => `${x(step)},${y(accuracy)}`).join(' '),
    }),
  )
  const now = curves.flatMap(({ name, points }) => {
    const last = points.at(-1)
    return last ? [`${name} ${last[1].toFixed(1)} % at step ${last[0]}`] : []
  })
  svg.setAttribute('aria-label', ['Test accuracy over steps', ...now].join(', '))
  svg.replaceChildren(...grid, ...ends, ...level, ...lines)
}

function make(tag: string, attributes: Readonly<Record<string, string | number>>, text = ''): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
  element.textContent = text
  return element
}
