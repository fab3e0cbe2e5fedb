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
import { dist, dkd, kldiv } from '../../src/losses/index.ts'
import type { Tensor } from '../../src/tensor.ts'
import type { Built } from './fixture-methods.ts'
import { type Case, differentiated } from './fixtures.ts'
import { type Inputs, logitsBatch } from './methods/call.ts'

type Numbers = Readonly<Record<string, number>>

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
    kldiv: (x, { temperature }) => kldiv(logitsBatch(x), { temperature: temperature! }),
    dist: (x, { beta, gamma, temperature }) =>
      dist(logitsBatch(x), { beta: beta!, gamma: gamma!, temperature: temperature! }),
    dkd: (x, { alpha, beta, temperature }) =>
      dkd(logitsBatch(x), { alpha: alpha!, beta: beta!, temperature: temperature! }),
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

/** The outputs of a case of second order, or null where it is not mapped. */
export const buildSecondOrder = (c: Case, leaves: Inputs): Built | null =>
  Object.hasOwn(secondOrder, c.op ?? '')
    ? secondOrder[c.op!]!(c, leaves as Readonly<Record<string, Tensor>>)
    : null
