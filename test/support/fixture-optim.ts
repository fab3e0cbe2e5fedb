import { crossEntropy, grad, realize } from '../../src/index.ts'
import { dist, dkd, kldiv } from '../../src/losses/index.ts'
import {
  Adagrad,
  Adam,
  AdamW,
  clipGradNorm,
  clipGradValue,
  type Optimizer,
  RMSprop,
  SGD,
} from '../../src/optim/index.ts'
import type { DType, Tensor } from '../../src/tensor.ts'
import { inOurNames, runSchedule, scheduleOf } from './fixture-schedules.ts'
import { type Case, type Computed, differentiated, leavesOf, valuesOf } from './fixtures.ts'
import { TraceNet } from './trace-net.ts'

type Params = Readonly<Record<string, unknown>>

/** How the library runs each case of optimisers, schedules, clipping and training; the key is the case's `op`. */
export const optimRunners: Record<string, (c: Case) => Promise<Computed>> = {
  optimizer: runOptimizer,
  scheduler: async (c) => ({ outputs: runSchedule(c) }),
  clip_grad_norm: async (c) => {
    const { max_norm, norm_type: normType } = c.params as { max_norm: number; norm_type: number }
    const { clipped, totalNorm } = clipGradNorm(gradientsOf(c), max_norm, { normType })
    return { outputs: await valuesOf({ totalNorm, ...numbered(clipped) }) }
  },
  clip_grad_value: async (c) => {
    const clipped = clipGradValue(gradientsOf(c), c.params.clip_value as number)
    return { outputs: await valuesOf(numbered(clipped)) }
  },
  train_trace: runTrace,
}

const gradientsOf = (c: Case) => Object.values(leavesOf(c)) as Tensor[]
const numbered = (gradients: readonly Tensor[]) =>
  Object.fromEntries(gradients.map((g, i) => [`g${i}`, g] as const))

const algorithms = { sgd: SGD, adam: Adam, adamw: AdamW, rmsprop: RMSprop, adagrad: Adagrad }

/** Algorithms by PyTorch's names, with the settings that the case lists. */
function optimizerOf(parameters: readonly Tensor[], { algorithm, ...params }: Params): Optimizer {
  return new algorithms[algorithm as keyof typeof algorithms](parameters, inOurNames(params) as never)
}

async function runOptimizer(c: Case): Promise<Computed> {
  const leaves = leavesOf(c) as Record<string, Tensor>
  const names = Object.keys(c.inputs).filter((name) => !name.startsWith('grads.'))
  const parameters = names.map((name) => leaves[name]!)
  const optimizer = optimizerOf(parameters, c.params)
  const scheduled = c.params.scheduler as Params | undefined
  const schedule = scheduled && scheduleOf(c.params.lr as number, scheduled)
  const outputs: Record<string, number[]> = Object.fromEntries(names.map((name) => [name, []]))
  for (let t = 0; t < (c.params.steps as number); t++) {
    if (schedule) {
      optimizer.lr = schedule.at(t)
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
