import { cat, type Tensor } from '../../../src/index.ts'
import { type Batch, cc, ickd, nst, pkt, rkd, type Settings, sp } from '../../../src/losses/index.ts'
import {
  applied,
  featuresBatch,
  floats,
  type Inputs,
  loadInto,
  type MethodCalls,
  type MethodResult,
  series,
  stateAfter,
} from './call.ts'

type Numbers = Readonly<Record<string, number>>

/** The features `student` and `teacher`, which the loss must be told of where they are maps. */
const pair = (inputs: Inputs) => featuresBatch([floats(inputs, 'student')], [floats(inputs, 'teacher')])
const layers = 'f0'

const ccResult = (batch: Batch, params: Partial<Settings>): MethodResult => ({
  outputs: { loss: cc.prepare(batch, params)(batch) },
})

/** A loss that sums over the layers s0 and t0, s1 and t1, ..., and its terms. */
function layered(inputs: Inputs, loss: (batch: Batch, params: { layers: string }) => Tensor): MethodResult {
  const [s, t] = [series(inputs, 's'), series(inputs, 't')]
  const perLayer = s.map((x, i) => loss(featuresBatch([x], [t[i]!]), { layers }).reshape([1]))
  const all = s.map((_, i) => `f${i}`).join(',')
  return { outputs: { loss: loss(featuresBatch(s, t), { layers: all }), perLayer: cat(perLayer) } }
}

/** Losses on relations between samples, or between channels. */
export const relationMethods: MethodCalls = {
  rkd: (inputs, params) => {
    const batch = pair(inputs)
    const loss = (weights: object) => rkd(batch, { layers, ...weights })
    return {
      outputs: {
        loss: loss(params),
        distance: loss({ distanceWeight: 1, angleWeight: 0 }),
        angle: loss({ distanceWeight: 0, angleWeight: 1 }),
      },
    }
  },
  ickd_c: (inputs, params) => {
    const batch = featuresBatch([floats(inputs, 's')], [floats(inputs, 't')])
    const { adapter } = params as { adapter: boolean }
    const prepared = ickd.prepare(batch, { adapter })
    if (!adapter) return { outputs: { loss: prepared(batch) } }
    const parameters = loadInto(prepared, inputs, {
      'layer1.conv1.weight': 'weight',
      'layer1.bn1.weight': 'bn.weight',
      'layer1.bn1.bias': 'bn.bias',
      'layer1.bn1.running_mean': 'bn.runningMean',
      'layer1.bn1.running_var': 'bn.runningVar',
    })
    const loss = prepared(batch)
    return {
      outputs: {
        loss,
        runningMean: stateAfter(prepared, loss, 'layer1.bn1.running_mean'),
        runningVar: stateAfter(prepared, loss, 'layer1.bn1.running_var'),
        adapted: applied(prepared, 'layer1', inputs.s),
      },
      parameters,
    }
  },
  cc: (inputs, params) => {
    const batch = pair(inputs)
    if (!params.embedded) return ccResult(batch, { kernel: 'neighbour', embedding: 'none' })
    const prepared = cc.prepare(batch, {
      kernel: 'neighbour',
      dim: floats(inputs, 'embedS.weight').shape[0]!,
    })
    const parameters = loadInto(prepared, inputs, {
      'student1.weight': 'embedS.weight',
      'student1.bias': 'embedS.bias',
      'teacher1.weight': 'embedT.weight',
      'teacher1.bias': 'embedT.bias',
    })
    return { outputs: { loss: prepared(batch) }, parameters }
  },
  cc_rbf: (inputs, { gamma, order }) =>
    ccResult(pair(inputs), {
      gamma: gamma as number,
      ...(order === null ? { kernel: 'rbf-exact' } : { order: order as number }),
    }),
  sp: (inputs) => layered(inputs, sp),
  pkt: (inputs, params) => {
    const { eps } = params as Numbers
    return { outputs: { loss: pkt(pair(inputs), { eps: eps! }) } }
  },
  nst: (inputs) => layered(inputs, nst),
}
