import { ce, dist, dkd, kldiv, lskd, lskdDkd, mlld, ttm, wttm } from '../../../src/losses/index.ts'
import { batchCorrelation, classCorrelation } from '../../../src/losses/parts/correlations.ts'
import { floats, type Inputs, logitsBatch, type MethodCalls } from './call.ts'

type Numbers = Readonly<Record<string, number>>

/** Both views of a batch of multi-level logit distillation. */
const viewsBatch = (inputs: Inputs) => ({
  ...logitsBatch({ ...inputs, student: inputs.studentWeak!, teacher: inputs.teacherWeak! }),
  view: {
    student: { logits: floats(inputs, 'studentStrong') },
    teacher: { logits: floats(inputs, 'teacherStrong') },
  },
})

/** The loss that is made of target and other classes, and its two parts. */
const decoupled = (inputs: Inputs, params: Readonly<Record<string, unknown>>, loss: typeof dkd) => {
  const batch = logitsBatch(inputs)
  return {
    outputs: {
      loss: loss(batch, params),
      tckd: loss(batch, { ...params, alpha: 1, beta: 0 }),
      nckd: loss(batch, { ...params, alpha: 0, beta: 1 }),
    },
  }
}

/** Losses on logits. */
export const logitMethods: MethodCalls = {
  kldiv: (inputs, params) => {
    const { temperature } = params as Numbers
    return { outputs: { loss: kldiv(logitsBatch(inputs), { temperature: temperature! }) } }
  },
  kd_total: (inputs, params) => {
    const { alpha, temperature } = params as Numbers
    const hard = ce(logitsBatch(inputs))
    const kd = kldiv(logitsBatch(inputs), { temperature: temperature! })
    return { outputs: { loss: hard.mul(alpha!).add(kd.mul(1 - alpha!)), hard, kd } }
  },
  dist: (inputs, params) => {
    const batch = logitsBatch(inputs)
    return {
      outputs: {
        loss: dist(batch, params),
        inter: dist(batch, { ...params, beta: 1, gamma: 0 }),
        intra: dist(batch, { ...params, beta: 0, gamma: 1 }),
      },
    }
  },
  dkd: (inputs, params) => decoupled(inputs, params, dkd),
  logit_standard_kd: (inputs, params) => ({ outputs: { loss: lskd(logitsBatch(inputs), params) } }),
  logit_standard_dkd: (inputs, params) => decoupled(inputs, params, lskdDkd),
  ttm: (inputs, params) => ({ outputs: { loss: ttm(logitsBatch(inputs), params) } }),
  wttm: (inputs, params) => ({ outputs: { loss: wttm(logitsBatch(inputs), params) } }),
  mlld_class: (inputs, params) => {
    const { temperature } = params as Numbers
    const terms = classCorrelation(floats(inputs, 'student'), floats(inputs, 'teacher'), temperature!)
    return { outputs: { loss: terms.sum() } }
  },
  mlld_batch: (inputs, params) => {
    const { temperature } = params as Numbers
    const terms = batchCorrelation(floats(inputs, 'student'), floats(inputs, 'teacher'), temperature!)
    return { outputs: { loss: terms.sum() } }
  },
  mlld_step: (inputs, params) => {
    const { ceWeight, kdWeight, temperature } = params as Record<
      'ceWeight' | 'kdWeight' | 'temperature',
      number
    >
    const batch = viewsBatch(inputs)
    const weights = {
      instanceWeight: kdWeight,
      classWeight: kdWeight,
      batchWeight: kdWeight,
      strongCe: ceWeight,
    }
    const none = { instanceWeight: 0, classWeight: 0, batchWeight: 0, strongCe: 0 }
    const only = (weight: keyof typeof none) =>
      mlld(batch, { ...none, [weight]: weights[weight], temperature })
    const weak = ce(batch).mul(ceWeight)
    return {
      outputs: {
        loss: mlld(batch, { ...weights, temperature }).add(weak),
        lossCe: only('strongCe').add(weak),
        lossKd: only('instanceWeight'),
        lossCc: only('classWeight'),
        lossBc: only('batchWeight'),
      },
    }
  },
}
