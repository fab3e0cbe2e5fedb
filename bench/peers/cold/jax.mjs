import { writeSync } from 'node:fs'
import { defaultDevice, init, jit, nn, numpy as np, valueAndGrad } from '@jax-js/jax'
import { logits } from './logits.mjs'

const backend = process.argv[4]
await init(backend)
defaultDevice(backend)
const [student, teacher] = logits().map((values) => np.array(values).reshape([128, 100]))
const kl = (student, teacher) => {
  const t = teacher.div(4)
  const p = nn.softmax(t.ref)
  return p
    .mul(nn.logSoftmax(t).sub(nn.logSoftmax(student.div(4))))
    .sum(1)
    .mean()
    .mul(16)
}
const [, gradient] = jit(valueAndGrad(kl))(student, teacher)
writeSync(1, new Uint8Array(Float32Array.from(await gradient.data()).buffer))
