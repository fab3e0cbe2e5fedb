import { uniformInput } from './inputs.ts'
import { computing, type Suite } from './support.ts'

/** [N, N] times [N, N]. */
export const matmul: Suite = {
  name: 'matmul',
  works: [64, 128, 256, 512].map((n) => ({
    name: `matmul ${n}`,
    flops: 2 * n ** 3,
    prepare: () => {
      const [a, b] = [uniformInput(1, [n, n]), uniformInput(2, [n, n])]
      return computing(() => [a.matmul(b)])
    },
  })),
}
