import { writeSync } from 'node:fs'
import * as tf from '@tensorflow/tfjs'
import '@tensorflow/tfjs-backend-wasm'
import { logits } from './logits.mjs'

await tf.setBackend('wasm')
const [student, teacher] = logits().map((values) => tf.tensor2d(values, [128, 100]))
const kl = (student) => {
  const t = teacher.div(4)
  return t
    .softmax()
    .mul(t.logSoftmax().sub(student.div(4).logSoftmax()))
    .sum(1)
    .mean()
    .mul(16)
}
const { grad } = tf.valueAndGrad(kl)(student)
writeSync(1, new Uint8Array(Float32Array.from(await grad.data()).buffer))
