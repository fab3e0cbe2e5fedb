import { grad } from '../src/index.ts'
import { type AnyLoss, dist, dkd, kldiv } from '../src/losses/index.ts'
import { labelsInput, logitsInput } from './inputs.ts'
import { computing, type Suite, type Work } from './support.ts'

/** A loss with its default parameters at temperature 4: the value, and the gradient in the student's logits. */
const work = (name: string, loss: AnyLoss, n: number, c: number): Work => ({
  name: `${name} ${n}x${c}`,
  prepare: () => {
    const logits = logitsInput(1, [n, c])
    const teacher = { logits: logitsInput(2, [n, c]) }
    const labels = labelsInput(3, n, c)
    const batch = { student: { logits }, teacher, labels }
    const prepared = loss.prepare(batch, { temperature: 4 })
    return computing(() => {
      const value = prepared(batch)
      return [value, ...grad(value, [logits])]
    })
  },
})

export const losses: Suite = {
  name: 'losses',
  works: [
    work('KLDiv', kldiv, 128, 100),
    work('KLDiv', kldiv, 256, 1000),
    work('DKD', dkd, 128, 100),
    work('DIST', dist, 128, 100),
  ],
}
