import { workOf } from './definition.ts'
import { uniform } from './inputs.ts'
import type { Suite } from './support.ts'

/** sum((tanh(0.7978845608 (x + 0.044715 x³)) + 1) x), operation by operation: the value, and the gradient in x. */
export const elementwise: Suite = {
  name: 'elementwise',
  works: [
    workOf({
      name: 'elementwise chain 1M',
      task: 'chain',
      params: {},
      inputs: { x: uniform(1, [1000, 1000], 3) },
      results: ['value', 'gradient'],
    }),
  ],
}
