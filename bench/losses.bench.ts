import { type Definition, type TaskName, workOf } from './definition.ts'
import { labels, logits } from './inputs.ts'
import type { Suite } from './support.ts'

type Size = readonly [samples: number, classes: number]

/** A loss with its published parameters at temperature 4: the value, and the gradient in the student's logits. */
const definition = (
  title: string,
  task: TaskName,
  [n, c]: Size,
  params: Readonly<Record<string, number>> = {},
): Definition => ({
  name: `${title} ${n}x${c}`,
  task,
  params: { ...params, temperature: 4 },
  inputs: { student: logits(1, [n, c]), teacher: logits(2, [n, c]), labels: labels(3, n, c) },
  results: ['value', 'gradient'],
})

export const losses: Suite = {
  name: 'losses',
  works: [
    definition('KLDiv', 'kldiv', [128, 100]),
    definition('KLDiv', 'kldiv', [256, 1000]),
    definition('DKD', 'dkd', [128, 100], { alpha: 1, beta: 8 }),
    definition('DIST', 'dist', [128, 100], { beta: 1, gamma: 1 }),
  ].map(workOf),
}
