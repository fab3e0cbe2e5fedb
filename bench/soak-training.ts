import { tensor } from '../src/index.ts'
import { kldiv } from '../src/losses/index.ts'
import { Student } from '../src/nn/models/index.ts'
import { Adam } from '../src/optim/index.ts'
import { Random } from '../src/random.ts'

const PIXELS = 28 * 28
const CLASSES = 10

/**
 * Trains S4-8 (batch normalisation, Adam) by KLDiv against fixed teacher logits, with new tensors for every batch and
 * no dispose anywhere, in Node and in a browser alike; waits for `look` after every so many steps.
 */
export async function trainLong(
  steps: number,
  batch: number,
  every: number,
  look: (step: number, loss: number) => Promise<void>,
): Promise<void> {
  const random = new Random(1)
  const pool = 20 * batch
  const images = Float32Array.from(random.uniforms(pool * PIXELS))
  const teacher = Float32Array.from(random.normals(pool * CLASSES, 0, 2.3))
  const net = new Student({ seed: 1 })
  const optimizer = new Adam(net.parameters(), { lr: 1e-3 })
  for (let step = 1; step <= steps; step++) {
    const first = random.integer(pool - batch)
    const rows = (values: Float32Array, width: number) =>
      values.subarray(first * width, (first + batch) * width)
    const x = tensor(rows(images, PIXELS), [batch, 1, 28, 28])
    const logits = tensor(rows(teacher, CLASSES), [batch, CLASSES])
    const loss = kldiv({ student: net.forward(x), teacher: { logits } })
    await optimizer.step(loss)
    if (step % every === 0) await look(step, await loss.item())
  }
}
