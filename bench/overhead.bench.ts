import { workOf } from './definition.ts'
import { uniform } from './inputs.ts'
import type { Suite } from './support.ts'

const shared = { params: { count: 1000 }, inputs: { x: uniform(1, [4]), b: uniform(2, [4]) } }

/** What an operation costs that computes next to nothing: additions on [4], each on the result of the one before. */
export const overhead: Suite = {
  name: 'overhead',
  works: [
    workOf({ name: '1,000 adds forward', task: 'adds', ...shared, results: ['sum'] }),
    workOf({
      name: '1,000 adds with gradient',
      task: 'addsGradient',
      ...shared,
      results: ['value', 'gradient'],
    }),
  ],
}
