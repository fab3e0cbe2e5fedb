import { writeSync } from 'node:fs'
import { device, grad, tensor } from '../../../dist/index.js'
import { kldiv } from '../../../dist/losses/index.js'
import { logits } from './logits.mjs'

const shape = [128, 100]
await device(process.argv[4])
const [student, teacher] = logits().map((values) => tensor(values, shape))
const loss = kldiv({ student: { logits: student }, teacher: { logits: teacher } }, { temperature: 4 })
const [gradient] = grad(loss, [student])
writeSync(1, new Uint8Array((await gradient.data()).slice().buffer))
// gpu.js's workers would keep the process alive.
process.exit(0)
