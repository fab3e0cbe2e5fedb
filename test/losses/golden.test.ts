import { test } from 'vitest'
import { type Tensor, tensor } from '../../src/index.ts'
import { ce, dist, dkd, kldiv } from '../../src/losses/index.ts'
import { expectGolden } from '../support/same.ts'

// Values of the published code in float64, from shared/specs/kd-methods.md, section 7.

const logits = (f: (i: number) => number) =>
  tensor(
    Float64Array.from({ length: 20 }, (_, i) => f(i)),
    [4, 5],
  )
const student = logits((i) => 2 * Math.sin(1 + 0.7 * i))
const batch = {
  student: { logits: student },
  teacher: { logits: logits((i) => 3 * Math.cos(0.5 + 0.9 * i)) },
  labels: tensor(Int32Array.of(1, 3, 0, 2)),
}

const rows: readonly (readonly [string, () => Tensor, value: number, norm: number, first: number])[] = [
  ['ce', () => ce(batch), 1.2487983384, 0.42857019501, 0.0752002456952],
  ['kldiv, T 1', () => kldiv(batch, { temperature: 1 }), 1.79211298225, 0.381281564484, -0.142980127188],
  ['kldiv, T 4', () => kldiv(batch), 3.33532018494, 0.573563748559, -0.161792387448],
  ['dist, T 1', () => dist(batch, { temperature: 1 }), 2.4923583065, 0.389699770105, -0.221368183543],
  ['dist, T 4', () => dist(batch), 42.9886490767, 4.26458152367, -1.72139188125],
  ['dkd', () => dkd(batch), 24.1300240098, 4.90381633321, -1.62566217777],
  ['dkd, TCKD only', () => dkd(batch, { beta: 0 }), 0.823045051246, 0.292973503564, -0.00741576405734],
  [
    'dkd, NCKD only, T 1',
    () => dkd(batch, { alpha: 0, beta: 1, temperature: 1 }),
    1.51175646462,
    0.401838632086,
    -0.116987403069,
  ],
]

test.each(rows)('%s', (_, loss, ...published) => expectGolden(loss(), student, published))
