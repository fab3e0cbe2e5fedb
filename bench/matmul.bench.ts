import { type Definition, workOf } from './definition.ts'
import { uniform } from './inputs.ts'
import type { Suite } from './support.ts'

/** [N, N] times [N, N]. */
const definition = (n: number): Definition => ({
  name: `matmul ${n}`,
  task: 'matmul',
  params: {},
  inputs: { a: uniform(1, [n, n]), b: uniform(2, [n, n]) },
  results: ['product'],
  flops: 2 * n ** 3,
})

/**
 * Too large for anything but `npm run bench:gpu`, and for float64 in JavaScript: `cpu` says what is right, in float32 and
 * within 1e-6 of it.
 */
export const largeProducts: readonly Definition[] = [2048, 4096].map((n) => ({
  ...definition(n),
  oracle: 'cpu',
}))

export const matmul: Suite = {
  name: 'matmul',
  works: [64, 128, 256, 512, 1024].map((n) => workOf(definition(n))),
}
