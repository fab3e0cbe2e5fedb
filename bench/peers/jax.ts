import { createRequire } from 'node:module'
import {
  blockUntilReady,
  defaultDevice,
  getWebGPUDevice,
  init,
  jit,
  lax,
  nn,
  numpy as np,
  tree,
  valueAndGrad,
  vjp,
} from '@jax-js/jax'
import { type Computation, serve } from '../compare/serve.ts'
import type { TaskName } from '../definition.ts'
import type { Input } from '../inputs.ts'

// jax-js, jitted: `jax.ts wasm|webgpu`, its backend. Every function consumes its arguments: `.ref` keeps one for later.

type Inputs = Readonly<Record<string, Input>>
type Params = Readonly<Record<string, number>>
type Task = (inputs: Inputs, params: Params) => Computation<np.Array>

const arrayOf = ({ values, shape }: Input): np.Array => np.array(values()).reshape([...shape])

/** A function of arrays that stay. Results may be computed only when they are waited for, so all of them are. */
const called = (
  f: (...arrays: np.Array[]) => np.Array[],
  inputs: readonly np.Array[],
): Computation<np.Array> => ({
  run: () => blockUntilReady(f(...inputs.map((array) => array.ref))),
})

/** The same, jitted. */
function jitted(
  f: (...arrays: np.Array[]) => np.Array[],
  inputs: readonly np.Array[],
): Computation<np.Array> {
  return called(jit(f), inputs)
}

const conv = (x: np.Array, w: np.Array, stride: number, padding: number): np.Array =>
  lax.convGeneralDilated(
    x,
    w,
    [stride, stride],
    [
      [padding, padding],
      [padding, padding],
    ],
  )

/** The value of a scalar function of the first array, and its gradient there. */
const withGradient =
  (f: (x: np.Array, ...rest: np.Array[]) => np.Array) =>
  (...arrays: np.Array[]): np.Array[] => {
    const [value, gradient] = valueAndGrad(f)(...(arrays as [np.Array]))
    return [value, gradient as np.Array]
  }

const matmul: Task = (inputs) =>
  jitted((a, b) => [np.matmul(a!, b!)], [arrayOf(inputs.a!), arrayOf(inputs.b!)])

const convForward: Task = (inputs, { padding }) =>
  jitted((x, w) => [conv(x!, w!, 1, padding!)], [arrayOf(inputs.x!), arrayOf(inputs.w!)])

const convGradients: Task = (inputs, { padding }) =>
  jitted(
    (x, w, dy) => {
      const [y, back] = vjp((x: np.Array, w: np.Array) => conv(x, w, 1, padding!), [x!, w!])
      const gradients = back(dy!) as np.Array[]
      back.dispose()
      return [y, ...gradients]
    },
    [arrayOf(inputs.x!), arrayOf(inputs.w!), arrayOf(inputs.dy!)],
  )

// Row by row: a float32 sum of a million in one go is off by 6e-4 in jax-js.
const chain: Task = (inputs) =>
  jitted(
    withGradient((x) => {
      const x2 = x.ref.mul(x.ref)
      const x3 = x2.mul(x.ref)
      const t = np.tanh(x3.mul(0.044715).add(x.ref).mul(0.7978845608))
      return t.add(1).mul(x).sum(1).sum()
    }),
    [arrayOf(inputs.x!)],
  )

/** Mean over the batch of sum p (log p - log q). */
const divergence = (p: np.Array, logP: np.Array, logQ: np.Array): np.Array =>
  p.mul(logP.sub(logQ)).sum(1).mean()

function kl(student: np.Array, teacher: np.Array, T: number): np.Array {
  const t = teacher.div(T)
  return divergence(nn.softmax(t.ref), nn.logSoftmax(t), nn.logSoftmax(student.div(T))).mul(T * T)
}

const kldiv: Task = (inputs, { temperature }) =>
  jitted(
    withGradient((student, teacher) => kl(student, teacher!, temperature!)),
    [arrayOf(inputs.student!), arrayOf(inputs.teacher!)],
  )

const oneHot = (labels: Input, classes: number) => nn.oneHot(np.array(labels.values()), classes)

const dkd: Task = (inputs, { temperature, alpha, beta }) => {
  const T = temperature!
  const pair = (p: np.Array, target: np.Array) =>
    np.concatenate(
      [
        p.ref.mul(target.ref).sum(1, { keepdims: true }),
        p.mul(np.subtract(1, target)).sum(1, { keepdims: true }),
      ],
      1,
    )
  const f = (student: np.Array, teacher?: np.Array, target?: np.Array) => {
    const [s, t] = [student.div(T), teacher!.div(T)]
    const p = pair(nn.softmax(t.ref), target!.ref)
    const q = pair(nn.softmax(s.ref), target!.ref)
    const tckd = divergence(p.ref, np.log(p), np.log(q))
    const away = target!.mul(1000)
    const [s1, t1] = [s.sub(away.ref), t.sub(away)]
    const nckd = divergence(nn.softmax(t1.ref), nn.logSoftmax(t1), nn.logSoftmax(s1))
    return tckd
      .mul(alpha!)
      .add(nckd.mul(beta!))
      .mul(T * T)
  }
  const [student, teacher] = [arrayOf(inputs.student!), arrayOf(inputs.teacher!)]
  return jitted(withGradient(f), [student, teacher, oneHot(inputs.labels!, student.shape[1]!)])
}

function correlation(p: np.Array, q: np.Array, axis: number): np.Array {
  const a = p.ref.sub(p.mean(axis, { keepdims: true }))
  const b = q.ref.sub(q.mean(axis, { keepdims: true }))
  const norms = np.sqrt(np.square(a.ref).sum(axis)).mul(np.sqrt(np.square(b.ref).sum(axis)))
  return a.mul(b).sum(axis).div(norms.add(1e-8)).mean()
}

const dist: Task = (inputs, { temperature, beta, gamma }) => {
  const T = temperature!
  const f = (student: np.Array, teacher?: np.Array) => {
    const [q, p] = [nn.softmax(student.div(T)), nn.softmax(teacher!.div(T))]
    const inter = np.subtract(1, correlation(p.ref, q.ref, 1))
    const intra = np.subtract(1, correlation(p, q, 0))
    return inter
      .mul(beta!)
      .add(intra.mul(gamma!))
      .mul(T * T)
  }
  return jitted(withGradient(f), [arrayOf(inputs.student!), arrayOf(inputs.teacher!)])
}

type Weights = Record<string, np.Array>

const perChannel = (b: np.Array) => b.reshape([1, -1, 1, 1])

const linear = (x: np.Array, w: Weights) => np.matmul(x, np.transpose(w['fc.weight']!)).add(w['fc.bias']!)

function mnistLogits(images: np.Array, w: Weights): np.Array {
  const block = (x: np.Array, name: string) => {
    const y = nn.relu(conv(x, w[`${name}.weight`]!, 1, 1).add(perChannel(w[`${name}.bias`]!)))
    const [n, c, height, width] = y.shape as [number, number, number, number]
    return np.max(y.reshape([n, c, height / 2, 2, width / 2, 2]), [3, 5])
  }
  const map = block(block(images, 'conv1'), 'conv2')
  return linear(map.reshape([images.shape[0]!, -1]), w)
}

function cifarLogits(images: np.Array, w: Weights): np.Array {
  const block = (x: np.Array, i: number, stride: number) => {
    const y = conv(x, w[`conv${i}.weight`]!, stride, 1)
    const centred = y.ref.sub(y.mean([0, 2, 3], { keepdims: true }))
    const variance = np.square(centred.ref).mean([0, 2, 3], { keepdims: true })
    const normed = centred.div(np.sqrt(variance.add(1e-5)))
    return nn.relu(normed.mul(perChannel(w[`bn${i}.weight`]!)).add(perChannel(w[`bn${i}.bias`]!)))
  }
  const map = block(block(block(images, 1, 1), 2, 2), 3, 2)
  return linear(map.mean([2, 3]), w)
}

const stepOf =
  (logitsOf: (images: np.Array, weights: Weights) => np.Array): Task =>
  (inputs, { lr, momentum, ceWeight, temperature }) => {
    const { images, teacher: teacherLogits, labels, ...initial } = inputs
    const pixels = images!.values() as Float32Array<ArrayBuffer>
    const shape = [...images!.shape]
    const teacher = arrayOf(teacherLogits!)
    const target = oneHot(labels!, teacher.shape[1]!)
    let weights: Weights = Object.fromEntries(
      Object.entries(initial).map(([name, input]) => [name, arrayOf(input)]),
    )
    let velocity: Weights = tree.map((w: np.Array) => np.zerosLike(w.ref), weights)
    const lossOf = (weights: Weights, images: np.Array, teacher: np.Array, target: np.Array) => {
      const student = logitsOf(images, weights)
      const hard = target.mul(nn.logSoftmax(student.ref)).sum(1).mean().neg()
      return hard.mul(ceWeight!).add(kl(student, teacher, temperature!).mul(1 - ceWeight!))
    }
    const step = jit((weights: Weights, velocity: Weights, ...batch: [np.Array, np.Array, np.Array]) => {
      const [loss, gradients] = valueAndGrad(lossOf)(tree.ref(weights), ...batch) as [np.Array, Weights]
      const moved = tree.map((v: np.Array, g: np.Array) => v.mul(momentum!).add(g), velocity, gradients)
      const next = tree.map((w: np.Array, v: np.Array) => w.sub(v.mul(lr!)), weights, tree.ref(moved))
      return { loss, weights: next, velocity: moved }
    })
    return {
      run: async () => {
        const x = np.array(pixels).reshape(shape)
        const next = step(weights, velocity, x, teacher.ref, target.ref)
        weights = next.weights as Weights
        velocity = next.velocity as Weights
        await blockUntilReady(weights)
        return [next.loss]
      },
      results: ([loss]) => [loss!, ...Object.keys(initial).map((name) => weights[name]!.ref)],
    }
  }

function sumUp(x: np.Array, b: np.Array, count: number): np.Array {
  let y = x
  for (let i = 0; i < count; i++) y = y.add(b.ref)
  b.dispose()
  return y
}

/** Jitted, unless that fails: jax-js simplifies by recursion, and a chain of 1,000 operations is too deep for it. */
function jittedOrNot(
  f: (...arrays: np.Array[]) => np.Array[],
  inputs: readonly np.Array[],
): Computation<np.Array> {
  try {
    const compiled = jit(f)
    tree.dispose(compiled(...inputs.map((array) => array.ref)) as np.Array[])
    return called(compiled, inputs)
  } catch (error) {
    return { ...called(f, inputs), note: `not jitted: ${error}` }
  }
}

const adds: Task = (inputs, { count }) =>
  jittedOrNot((x, b) => [sumUp(x!, b!, count!)], [arrayOf(inputs.x!), arrayOf(inputs.b!)])

const addsGradient: Task = (inputs, { count }) =>
  jittedOrNot(
    withGradient((x, b) => sumUp(x, b!, count!).sum()),
    [arrayOf(inputs.x!), arrayOf(inputs.b!)],
  )

const tasks: Readonly<Record<TaskName, Task>> = {
  matmul,
  conv: convForward,
  convGradients,
  chain,
  kldiv,
  dkd,
  dist,
  stepMnist: stepOf(mnistLogits),
  stepCifar: stepOf(cifarLogits),
  adds,
  addsGradient,
}

const backend = process.argv[2] as 'wasm' | 'webgpu'
if (!(await init(backend)).includes(backend)) throw new Error(`jax-js finds nothing to run ${backend} on.`)
defaultDevice(backend)
const gpu = backend === 'webgpu' ? getWebGPUDevice() : null
const nameOf = ({ vendor, architecture, device }: GPUAdapterInfo) =>
  [vendor, architecture, device].filter((part) => part !== '').join(' ')

const { dirname } = import.meta
const { version } = createRequire(import.meta.url)(`${dirname}/node_modules/@jax-js/jax/package.json`) as {
  version: string
}
await serve<np.Array>({
  version: `jax-js ${version}, ${backend}${gpu ? `: ${nameOf(gpu.adapterInfo)}` : ' (one thread)'}`,
  compute: (task, inputs, params) => tasks[task](inputs, params),
  sizeOf: (result) => result.size,
  read: (result) => result.ref.data(),
  free: (results) => tree.dispose([...results]),
  // Its own way to wait copies no bytes, and for none of them anything may have to be computed.
  ...(gpu ? { wait: () => gpu.queue.onSubmittedWorkDone() } : {}),
})
