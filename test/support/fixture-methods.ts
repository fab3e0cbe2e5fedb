import { grad, hvp } from '../../src/graph/grad.ts'
import {
  avgPool2d,
  batchNorm,
  conv2d,
  cos,
  cosineSimilarity,
  crossEntropy,
  exp,
  layerNorm,
  linear,
  log,
  logSumExp,
  mul,
  pow,
  sigmoid,
  sin,
  sqrt,
  stack,
  sub,
  tanh,
} from '../../src/index.ts'
import { ce, dist, dkd, kldiv } from '../../src/losses/index.ts'
import type { AnyTensor, Tensor } from '../../src/tensor.ts'
import type { Outputs } from './fixture-ops.ts'
import { type Case, differentiated } from './fixtures.ts'

/** Outputs of a case as graph, and the scalar whose gradient the case gives. */
export interface Built {
  readonly outputs: Outputs
  readonly scalar: Tensor
}

type Leaves = Readonly<Record<string, AnyTensor>>
type Numbers = Readonly<Record<string, number>>

/** The inputs of the losses on logits. */
interface Logits {
  readonly student: Tensor
  readonly teacher: Tensor
  readonly target: Tensor<'int'> | Tensor
}

const batchOf = ({ student, teacher, target: labels }: Logits) => ({
  student: { logits: student },
  teacher: { logits: teacher },
  labels,
})

/** The library's call for each method; the key is the case's `method`. */
const methods: Readonly<Record<string, (inputs: Logits, params: Numbers) => { loss: Tensor } & Outputs>> = {
  kldiv: (inputs, { temperature }) => ({ loss: kldiv(batchOf(inputs), { temperature: temperature! }) }),
  kd_total: (inputs, { alpha, temperature }) => {
    const hard = ce(batchOf(inputs))
    const kd = kldiv(batchOf(inputs), { temperature: temperature! })
    return { loss: hard.mul(alpha!).add(kd.mul(1 - alpha!)), hard, kd }
  },
  dist: (inputs, params) => {
    const batch = batchOf(inputs)
    return {
      loss: dist(batch, params),
      inter: dist(batch, { ...params, beta: 1, gamma: 0 }),
      intra: dist(batch, { ...params, beta: 0, gamma: 1 }),
    }
  },
  dkd: (inputs, params) => {
    const batch = batchOf(inputs)
    return {
      loss: dkd(batch, params),
      tckd: dkd(batch, { ...params, alpha: 1, beta: 0 }),
      nckd: dkd(batch, { ...params, alpha: 0, beta: 1 }),
    }
  },
}

export const methodNames: readonly string[] = Object.keys(methods)

/** The outputs of a method's case, or null where the method is not mapped. */
export function buildMethod(c: Case, leaves: Leaves): Built | null {
  if (!Object.hasOwn(methods, c.method ?? '')) return null
  // The format fixes the names of a method's inputs and parameters.
  const outputs = methods[c.method!]!(leaves as unknown as Logits, c.params as Numbers)
  return { outputs, scalar: outputs.loss }
}

/** The functions whose Hessian-vector products are taken; the key is `params.function`. */
const functions: Readonly<Record<string, (x: Readonly<Record<string, Tensor>>, params: Numbers) => Tensor>> =
  {
    elementwise: ({ x }) =>
      exp(x!.square().neg())
        .mul(sin(x!))
        .add(sigmoid(x!).mul(log(x!.square().add(1))))
        .add(tanh(x!).div(cos(x!).add(2)))
        .sum(),
    cosine: ({ a, b }) => cosineSimilarity(a!, b!).sum(),
    layer_norm: ({ x, weight, bias }) => layerNorm(x!, [x!.shape[1]!], { weight, bias }).pow(3).sum(),
    kldiv: (x, { temperature }) => kldiv(batchOf(x as unknown as Logits), { temperature: temperature! }),
    dist: (x, { beta, gamma, temperature }) =>
      dist(batchOf(x as unknown as Logits), { beta: beta!, gamma: gamma!, temperature: temperature! }),
    dkd: (x, { alpha, beta, temperature }) =>
      dkd(batchOf(x as unknown as Logits), { alpha: alpha!, beta: beta!, temperature: temperature! }),
    softmax_cross_entropy: ({ logits, target }) => crossEntropy(logits!, target!),
    logsumexp: ({ x }) => logSumExp(x!, 1).square().sum(),
    tanh_mlp_cross_entropy: ({ x, w1, b1, w2, b2, target }) =>
      crossEntropy(linear(tanh(linear(x!, w1!, b1)), w2!, b2), target!),
    batch_norm_tanh: ({ x, weight, bias, c }) =>
      batchNorm(x!, { weight, bias, training: true }).y.tanh().mul(c!).sum(),
    conv_tanh_pool: ({ x, weight, bias }) =>
      avgPool2d(tanh(conv2d(x!, weight!, { bias: bias!, padding: 1 })), 2)
        .square()
        .sum(),
  }

/** Derivatives of derivatives; the key is the case's `op`. */
const secondOrder: Readonly<
  Record<string, (c: Case, leaves: Readonly<Record<string, Tensor>>) => Built | null>
> = {
  hvp: (c, leaves) => {
    const name = String(c.params.function)
    if (!Object.hasOwn(functions, name)) return null
    const value = functions[name]!(leaves, c.params as Numbers)
    const names = differentiated(c)
    const wrt = names.map((x) => leaves[x]!)
    const products = hvp(
      value,
      wrt,
      names.map((x) => leaves[`v.${x}`]!),
    )
    return {
      outputs: { value, ...Object.fromEntries(products.map((hv, i) => [`hv.${names[i]}`, hv])) },
      scalar: value,
    }
  },
  hessian: (_, { x }) => {
    const cells = Array.from({ length: x!.size }, (_, i) => x!.slice([[i, i + 1]]).squeeze(0))
    const value = logSumExp(x!)
      .add(pow(x!, 3).sum().mul(0.1))
      .add(tanh(mul(cells[0]!, cells[1]!)))
    const [g] = grad(value, [x!])
    const rows = cells.map((_, i) => grad(g!.slice([[i, i + 1]]).sum(), [x!])[0]!)
    return { outputs: { value, hessian: stack(rows) }, scalar: value }
  },
  derivatives: (_, { x }) => {
    const value = mul(tanh(x!), exp(x!.mul(0.5))).sum()
    const [first] = grad(value, [x!])
    const [second] = grad(first!.sum(), [x!])
    const [third] = grad(second!.sum(), [x!])
    return { outputs: { first: first!, second: second!, third: third! }, scalar: value }
  },
  gradient_penalty: (_, { x, w1, w2 }) => {
    const critic = linear(tanh(linear(x!, w1!)), w2!)
    const [inputGradient] = grad(critic.sum(), [x!])
    const norms = sqrt(inputGradient!.square().sum(1))
    const loss = sub(norms, 1).square().mean()
    return { outputs: { loss, inputGradient: inputGradient! }, scalar: loss }
  },
}

export const secondOrderNames: readonly string[] = Object.keys(secondOrder)

/** The outputs of a case of second order, or null where it is not mapped. */
export const buildSecondOrder = (c: Case, leaves: Leaves): Built | null =>
  Object.hasOwn(secondOrder, c.op ?? '')
    ? secondOrder[c.op!]!(c, leaves as Readonly<Record<string, Tensor>>)
    : null
