import { ValueError } from '../../src/errors.ts'
import { crossEntropy, grad, realize } from '../../src/index.ts'
import { dist, dkd, kldiv } from '../../src/losses/index.ts'
import { Adam, cosine, type Optimizer, SGD } from '../../src/optim/index.ts'
import type { DType, Tensor } from '../../src/tensor.ts'
import { type Case, type Computed, differentiated, leavesOf, valuesOf } from './fixtures.ts'
import { TraceNet } from './trace-net.ts'

type Params = Readonly<Record<string, unknown>>

/** How the library runs each case of optimisers, schedules and training; the key is the case's `op`. */
export const optimRunners: Record<string, (c: Case) => Promise<Computed>> = {
  optimizer: runOptimizer,
  scheduler: async (c) => {
    const { baseLr, steps } = c.params as { baseLr: number; steps: number }
    return { outputs: { lr: Array.from({ length: steps + 1 }, (_, k) => rateOf(c.params, baseLr, k)) } }
  },
  train_trace: runTrace,
}

/** Algorithms and schedules by PyTorch's names. */
function optimizerOf(parameters: readonly Tensor[], params: Params): Optimizer {
  const { lr, betas, eps, momentum, dampening, nesterov, amsgrad, weight_decay: weightDecay } = params
  const given = (options: object) =>
    Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  if (params.algorithm === 'sgd')
    return new SGD(parameters, { lr: lr as number, ...given({ momentum, dampening, nesterov, weightDecay }) })
  if (params.algorithm === 'adam')
    return new Adam(parameters, given({ lr, betas, eps, weightDecay, amsgrad }))
  throw new ValueError(`fixtures: there is no optimizer ${params.algorithm} yet, got its case. Add it.`)
}

function rateOf({ scheduler, T_max, eta_min }: Params, base: number, step: number): number {
  if (scheduler === 'cosine') return cosine(base, step, T_max as number, eta_min as number)
  throw new ValueError(`fixtures: there is no schedule ${scheduler} yet, got its case. Add it.`)
}

async function runOptimizer(c: Case): Promise<Computed> {
  const leaves = leavesOf(c) as Record<string, Tensor>
  const names = Object.keys(c.inputs).filter((name) => !name.startsWith('grads.'))
  const parameters = names.map((name) => leaves[name]!)
  const optimizer = optimizerOf(parameters, c.params)
  const schedule = c.params.scheduler as Params | undefined
  const outputs: Record<string, number[]> = Object.fromEntries(names.map((name) => [name, []]))
  for (let t = 0; t < (c.params.steps as number); t++) {
    if (schedule) {
      optimizer.lr = rateOf(schedule, c.params.lr as number, t)
      outputs.lr = [...(outputs.lr ?? []), optimizer.lr]
    }
    await optimizer.stepWith(names.map((name) => at(leaves[`grads.${name}`]!, t)))
    for (const [i, name] of names.entries()) outputs[name]!.push(...(await parameters[i]!.data()))
  }
  return { outputs }
}

/** Entry `t` along dim 0. */
const at = <D extends DType>(x: Tensor<D>, t: number): Tensor<D> => x.slice([[t, t + 1]]).squeeze(0)

/** A whole training run: loss and its terms before each step, the first gradients, and the state at the end. */
async function runTrace(c: Case): Promise<Computed> {
  const leaves = leavesOf(c) as Record<string, Tensor>
  const weights = differentiated(c)
  const net = new TraceNet(new Map(weights.map((name) => [name, leaves[name]!])))
  const parameters = net.namedParameters()
  const optimizer = optimizerOf([...parameters.values()], c.params.optimizer as Params)
  const terms: Record<'loss' | 'ce' | 'kd', number[]> = { loss: [], ce: [], kd: [] }
  let grads: Record<string, ArrayLike<number>> = {}
  for (let t = 0; t < (c.params.steps as number); t++) {
    const labels = at(leaves.labels as unknown as Tensor<'int'>, t)
    const { logits, hint } = net.forward(at(leaves.data!, t))
    const { ce, kd, loss } = lossOf(c.params, logits, at(leaves.teacherLogits!, t), labels)
    const teacherFeatures = leaves.teacherFeatures
    const total =
      hint && teacherFeatures
        ? loss.add(
            hint
              .sub(at(teacherFeatures, t))
              .square()
              .mean()
              .mul(c.params.hintWeight as number),
          )
        : loss
    if (t === 0) {
      const first = grad(total, [...parameters.values()])
      await realize(...first)
      grads = await valuesOf(Object.fromEntries([...parameters.keys()].map((name, i) => [name, first[i]!])))
    }
    await optimizer.step(total, ce, kd)
    terms.loss.push(await total.item())
    terms.ce.push(await ce.item())
    terms.kd.push(await kd.item())
  }
  const final = await valuesOf(
    Object.fromEntries([...net.stateDict()].map(([name, values]) => [`final.${inCamelCase(name)}`, values])),
  )
  const evalLogits = await net.eval().forward(at(leaves.data!, 0)).logits.data()
  return { outputs: { ...terms, ...final, evalLogits }, grads }
}

/** The cases write `bn1.runningMean` for PyTorch's `bn1.running_mean`. */
const inCamelCase = (name: string) =>
  name.replace('running_mean', 'runningMean').replace('running_var', 'runningVar')

function lossOf(params: Params, logits: Tensor, teacherLogits: Tensor, labels: Tensor<'int'>) {
  const { ceWeight, kdWeight, temperature, alpha, beta } = params as Record<string, number>
  const batch = { student: { logits }, teacher: { logits: teacherLogits }, labels }
  const kinds: Record<string, () => Tensor> = {
    ce_kldiv: () => kldiv(batch, { temperature: temperature! }),
    ce_kldiv_hint: () => kldiv(batch, { temperature: temperature! }),
    ce_dist: () => dist(batch, { beta: 1, gamma: 1, temperature: temperature! }),
    ce_dkd: () => dkd(batch, { alpha: alpha!, beta: beta!, temperature: temperature! }),
  }
  const ce = crossEntropy(logits, labels)
  const kd = kinds[params.loss as string]!()
  return { ce, kd, loss: ce.mul(ceWeight!).add(kd.mul(kdWeight!)) }
}
