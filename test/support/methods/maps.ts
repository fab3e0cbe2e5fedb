import { cat, linear, mseLoss, type Tensor, zeros } from '../../../src/index.ts'
import { ab, at, catkd, fitnet, fsp, type Prepared, srrl } from '../../../src/losses/index.ts'
import { factorDistance } from '../../../src/losses/parts/factors.ts'
import { GaussianEstimate } from '../../../src/losses/parts/gaussian-estimate.ts'
import { equalSize } from '../../../src/losses/parts/maps.ts'
import { negativeMean, partialL2 } from '../../../src/losses/parts/partial-l2.ts'
import { Regressor } from '../../../src/losses/parts/regressor.ts'
import { Random } from '../../../src/random.ts'
import {
  applied,
  featuresBatch,
  floats,
  type Inputs,
  loadInto,
  type MethodCalls,
  series,
  stateAfter,
} from './call.ts'

/** Losses on feature maps. */
export const mapMethods: MethodCalls = {
  at: (inputs, params) => {
    const { p } = params as { p: number }
    const [s, t] = [series(inputs, 's'), series(inputs, 't')]
    return {
      outputs: {
        loss: at(featuresBatch(s, t), { p }),
        perLayer: listOf(s.map((x, i) => at(featuresBatch([x], [t[i]!]), { p }))),
      },
    }
  },
  fitnet: (inputs) => {
    const batch = featuresBatch([floats(inputs, 's')], [floats(inputs, 't')])
    const prepared = fitnet.prepare(batch, { regressor: '1x1' })
    const weight = floats(inputs, 'weight')
    const given = { bias: zeros([weight.shape[0]!]), ...inputs }
    const parameters = loadInto(prepared, given, {
      'regressor.conv.weight': 'weight',
      'regressor.conv.bias': 'bias',
    })
    return {
      outputs: { loss: prepared(batch), regressed: applied(prepared, 'regressor', inputs.s) },
      parameters,
    }
  },
  fitnet_convreg: (inputs, { relu }) => {
    const layer = layerOf(floats(inputs, 's'), floats(inputs, 't'))
    const random = new Random(0)
    const regressor = new Regressor('fitnet', layer, { random, norm: true, relu: relu as boolean })
    const parameters = loadInto(regressor, inputs, {
      'conv.weight': 'weight',
      'conv.bias': 'bias',
      'bn.weight': 'bn.weight',
      'bn.bias': 'bn.bias',
    })
    const regressed = regressor.forward(layer.student)
    return { outputs: { loss: mseLoss(regressed, layer.teacher), regressed }, parameters }
  },
  vid: (inputs, { eps }) => {
    const { student, teacher } = equalSize('vid', layerOf(floats(inputs, 's'), floats(inputs, 't')))
    const [hidden, from] = floats(inputs, 'w0').shape as [number, number]
    const estimate = new GaussianEstimate(from, teacher.shape[1]!, {
      hidden,
      variance: 5,
      eps: eps as number,
      random: new Random(0),
    })
    const parameters = loadInto(estimate, inputs, {
      'mean.conv1.weight': 'w0',
      'mean.conv2.weight': 'w1',
      'mean.conv3.weight': 'w2',
      log_scale: 'logScale',
    })
    const loss = estimate.negativeLogLikelihood(student, teacher)
    return { outputs: { loss, mean: estimate.mean.forward(student) }, parameters }
  },
  fsp: (inputs) => {
    const [s, t] = [series(inputs, 's'), series(inputs, 't')]
    const on = (...range: [number, number?]) => {
      const batch = featuresBatch(s.slice(...range), t.slice(...range))
      return fsp.prepare(batch)(batch)
    }
    return { outputs: { loss: on(0), perLayer: listOf(s.slice(1).map((_, i) => on(i, i + 2))) } }
  },
  ab: (inputs, params) => {
    const { margin } = params as { margin: number }
    const [s, t] = [series(inputs, 's'), series(inputs, 't')]
    const on = (from: readonly Tensor[], to: readonly Tensor[]) => {
      const batch = featuresBatch(from, to, 'preActivations')
      return ab.prepare(batch, { margin })(batch)
    }
    const share = (i: number) => 2 ** (i + 1 - s.length)
    return {
      outputs: {
        loss: on(s, t),
        perLayer: listOf(s.map((x, i) => on([x], [t[i]!]).mul(share(i)))),
      },
    }
  },
  ft: (inputs, params) => {
    const { p1, p2 } = params as { p1: number; p2: number }
    return { outputs: { loss: factorDistance('ft', factorsOf(inputs), { form: 'attention', p1, p2 }) } }
  },
  ft_flat: (inputs) => ({
    outputs: { loss: factorDistance('ft', factorsOf(inputs), { form: 'flat', p1: 2, p2: 1 }) },
  }),
  ofd: (inputs) => {
    const [s, t] = [floats(inputs, 's'), floats(inputs, 't')]
    const margin = negativeMean({ weight: floats(inputs, 'tBn.weight'), bias: floats(inputs, 'tBn.bias') })
    return { outputs: { loss: partialL2(s, t, margin).div(s.shape[0]!), margin } }
  },
  srrl: (inputs, params) => {
    const { weight } = params as { weight: number }
    const classifier = (map: Tensor) => {
      const penultimate = map.mean([2, 3])
      const logits = linear(penultimate, floats(inputs, 'fc.weight'), floats(inputs, 'fc.bias'))
      return { penultimate, logits }
    }
    const batch = featuresBatch([floats(inputs, 's')], [floats(inputs, 't')])
    const logits = floats(inputs, 'tLogits')
    const whole = {
      student: { ...batch.student, logits },
      teacher: { ...batch.teacher, logits },
      teacherClassifier: classifier,
    }
    const load = (prepared: Prepared) =>
      loadInto(prepared, inputs, {
        'connector.conv1.weight': 'conv.weight',
        'connector.bn1.weight': 'bn.weight',
        'connector.bn1.bias': 'bn.bias',
        'connector.bn1.running_mean': 'bn.runningMean',
        'connector.bn1.running_var': 'bn.runningVar',
      })
    const part = (alpha: number, beta: number) => {
      const prepared = srrl.prepare(whole, { alpha, beta })
      load(prepared)
      return prepared(whole)
    }
    const prepared = srrl.prepare(whole, { beta: weight })
    const parameters = load(prepared)
    const loss = prepared(whole)
    return {
      outputs: {
        loss,
        stat: part(1, 0),
        reg: part(0, 1),
        logits: classifier(applied(prepared, 'connector', inputs.s)).logits,
        runningMean: stateAfter(prepared, loss, 'connector.bn1.running_mean'),
        runningVar: stateAfter(prepared, loss, 'connector.bn1.running_var'),
      },
      parameters,
    }
  },
  cat_kd: (inputs, params) => {
    const classMaps = { student: floats(inputs, 's'), teacher: floats(inputs, 't') }
    const student = { logits: zeros(classMaps.student.shape.slice(0, 2)) }
    return { outputs: { loss: catkd({ student, classMaps }, params) } }
  },
}

/** A pair of features that a loss compares. */
const layerOf = (student: Tensor, teacher: Tensor) => ({
  name: { student: 'f0', teacher: 'f0' },
  student,
  teacher,
})

const factorsOf = (inputs: Inputs) => layerOf(floats(inputs, 'student'), floats(inputs, 'teacher'))

/** Scalars as one list. */
const listOf = (values: readonly Tensor[]): Tensor => cat(values.map((value) => value.reshape([1])))
