import * as tf from '@tensorflow/tfjs'
import '@tensorflow/tfjs-backend-wasm'
import { type Computation, serve } from '../compare/serve.ts'
import type { TaskName } from '../definition.ts'
import type { Input } from '../inputs.ts'
import { conv } from './tfjs-conv.ts'

// TensorFlow.js on its WebAssembly backend, in its own layout: images NHWC, filters HWIO, linear weights [in, out].

type Inputs = Readonly<Record<string, Input>>
type Params = Readonly<Record<string, number>>
type Task = (inputs: Inputs, params: Params) => Computation<tf.Tensor>

const tensorOf = ({ values, shape, dtype }: Input): tf.Tensor =>
  tf.tensor(values(), [...shape], dtype === 'int' ? 'int32' : 'float32')

const toNHWC = (x: tf.Tensor) => x.transpose<tf.Tensor4D>([0, 2, 3, 1])
const fromNHWC = (x: tf.Tensor) => x.transpose([0, 3, 1, 2])
const toHWIO = (w: tf.Tensor) => w.transpose<tf.Tensor4D>([2, 3, 1, 0])
const fromHWIO = (w: tf.Tensor) => w.transpose([3, 2, 0, 1])

const matmul: Task = (inputs) => {
  const [a, b] = [tensorOf(inputs.a!), tensorOf(inputs.b!)]
  return { run: () => [tf.matMul(a, b)] }
}

const convForward: Task = (inputs, { padding }) => {
  const [x, w] = [toNHWC(tensorOf(inputs.x!)), toHWIO(tensorOf(inputs.w!))]
  return { run: () => [conv(x, w, 1, padding!)], results: (made) => made.map(fromNHWC) }
}

const convGradients: Task = (inputs, { padding }) => {
  const [x, w, dy] = [toNHWC(tensorOf(inputs.x!)), toHWIO(tensorOf(inputs.w!)), toNHWC(tensorOf(inputs.dy!))]
  const both = tf.valueAndGrads((x, w) => conv(x as tf.Tensor4D, w as tf.Tensor4D, 1, padding!))
  return {
    run: () => {
      const { value, grads } = both([x, w], dy)
      return [value, ...grads]
    },
    results: ([y, dx, dw]) => [fromNHWC(y!), fromNHWC(dx!), fromHWIO(dw!)],
  }
}

/** The value of a scalar function, and its gradient in one input. */
function gradientOf(f: (x: tf.Tensor) => tf.Scalar, x: tf.Tensor): Computation<tf.Tensor> {
  const both = tf.valueAndGrad(f)
  return {
    run: () => {
      const { value, grad } = both(x)
      return [value, grad]
    },
  }
}

// Row by row: a float32 sum of a million in one go is off by 6e-4 in tfjs.
const chain: Task = (inputs) =>
  gradientOf((x) => {
    const x2 = x.mul(x)
    const x3 = x2.mul(x)
    const t = x3.mul(0.044715).add(x).mul(0.7978845608).tanh()
    return t.add(1).mul(x).sum(1).sum()
  }, tensorOf(inputs.x!))

/** Mean over the batch of sum p (log p - log q). */
const divergence = (p: tf.Tensor, logP: tf.Tensor, logQ: tf.Tensor): tf.Scalar =>
  p.mul(logP.sub(logQ)).sum(1).mean()

function kl(student: tf.Tensor, teacher: tf.Tensor, T: number): tf.Scalar {
  const t = teacher.div(T)
  return divergence(t.softmax(), t.logSoftmax(), student.div(T).logSoftmax()).mul(T * T)
}

const kldiv: Task = (inputs, { temperature }) => {
  const teacher = tensorOf(inputs.teacher!)
  return gradientOf((student) => kl(student, teacher, temperature!), tensorOf(inputs.student!))
}

const dkd: Task = (inputs, { temperature, alpha, beta }) => {
  const T = temperature!
  const [student, teacher] = [tensorOf(inputs.student!), tensorOf(inputs.teacher!)]
  const target = tf.oneHot(tensorOf(inputs.labels!), student.shape[1]!).toFloat()
  const others = tf.sub(1, target)
  const pair = (p: tf.Tensor) =>
    tf.concat([p.mul(target).sum(1, true), p.mul(others).sum(1, true)], 1) as tf.Tensor
  return gradientOf((student) => {
    const [s, t] = [student.div(T), teacher.div(T)]
    const [q, p] = [pair(s.softmax()), pair(t.softmax())]
    const tckd = divergence(p, p.log(), q.log())
    const [s1, t1] = [s.sub(target.mul(1000)), t.sub(target.mul(1000))]
    const nckd = divergence(t1.softmax(), t1.logSoftmax(), s1.logSoftmax())
    return tckd
      .mul(alpha!)
      .add(nckd.mul(beta!))
      .mul(T * T)
  }, student)
}

function correlation(p: tf.Tensor, q: tf.Tensor, axis: number): tf.Tensor {
  const a = p.sub(p.mean(axis, true))
  const b = q.sub(q.mean(axis, true))
  const norms = a.square().sum(axis).sqrt().mul(b.square().sum(axis).sqrt())
  return a.mul(b).sum(axis).div(norms.add(1e-8)).mean()
}

const dist: Task = (inputs, { temperature, beta, gamma }) => {
  const T = temperature!
  const teacher = tensorOf(inputs.teacher!)
  return gradientOf((student) => {
    const [q, p] = [student.div(T).softmax(), teacher.div(T).softmax()]
    const inter = tf.sub(1, correlation(p, q, 1))
    const intra = tf.sub(1, correlation(p, q, 0))
    return inter
      .mul(beta!)
      .add(intra.mul(gamma!))
      .mul(T * T)
  }, tensorOf(inputs.student!))
}

type Weights = Readonly<Record<string, tf.Variable>>

function mnistLogits(images: tf.Tensor4D, w: Weights): tf.Tensor {
  const block = (x: tf.Tensor4D, name: string) =>
    tf.maxPool(
      conv(x, w[`${name}.weight`] as tf.Tensor4D, 1, 1)
        .add<tf.Tensor4D>(w[`${name}.bias`]!)
        .relu<tf.Tensor4D>(),
      2,
      2,
      'valid',
    )
  const map = block(block(images, 'conv1'), 'conv2')
  return map.reshape([map.shape[0]!, -1]).matMul(w['fc.weight']!).add(w['fc.bias']!)
}

function cifarLogits(images: tf.Tensor4D, w: Weights): tf.Tensor {
  const block = (x: tf.Tensor4D, i: number, stride: number) => {
    const y = conv(x, w[`conv${i}.weight`] as tf.Tensor4D, stride, 1)
    const { mean, variance } = tf.moments(y, [0, 1, 2])
    const [offset, scale] = [w[`bn${i}.bias`] as tf.Tensor, w[`bn${i}.weight`] as tf.Tensor]
    return tf
      .batchNorm(
        y,
        mean as tf.Tensor1D,
        variance as tf.Tensor1D,
        offset as tf.Tensor1D,
        scale as tf.Tensor1D,
        1e-5,
      )
      .relu() as tf.Tensor4D
  }
  const map = block(block(block(images, 1, 1), 2, 2), 3, 2)
  return map.mean([1, 2]).matMul(w['fc.weight']!).add(w['fc.bias']!)
}

/** `side`: of the map that the linear layer flattens, which PyTorch flattens as [C, H, W]. */
const stepOf =
  (logitsOf: (images: tf.Tensor4D, weights: Weights) => tf.Tensor, side: number): Task =>
  (inputs, { lr, momentum, ceWeight, temperature }) => {
    const { images, teacher: teacherLogits, labels, ...initial } = inputs
    const nhwc = toNHWC(tensorOf(images!))
    const pixels = nhwc.dataSync() as Float32Array
    const shape = nhwc.shape
    const teacher = tensorOf(teacherLogits!)
    const target = tf.oneHot(tensorOf(labels!), teacher.shape[1]!).toFloat()
    const isLinear = (name: string) => name === 'fc.weight'
    const names = Object.keys(initial)
    const weights = Object.fromEntries(
      names.map((name) => {
        const value = tensorOf(initial[name]!)
        const [out] = value.shape
        if (isLinear(name)) {
          const hwio = toHWIO(value.reshape([out!, -1, side, side]))
          return [name, tf.variable(hwio.reshape([-1, out!]))]
        }
        return [name, tf.variable(value.rank === 4 ? toHWIO(value) : value)]
      }),
    )
    const asGiven = (name: string): tf.Tensor => {
      const value = weights[name]!
      if (isLinear(name)) return fromHWIO(value.reshape([side, side, -1, value.shape[1]!]))
      return value.rank === 4 ? fromHWIO(value) : value.clone()
    }
    const optimizer = tf.train.momentum(lr!, momentum!)
    return {
      run: () => {
        const x = tf.tensor4d(pixels, shape)
        const loss = optimizer.minimize(() => {
          const student = logitsOf(x, weights)
          const hard = tf.losses.softmaxCrossEntropy(target, student)
          return hard.mul<tf.Scalar>(ceWeight!).add(kl(student, teacher, temperature!).mul(1 - ceWeight!))
        }, true)
        x.dispose()
        return [loss!]
      },
      results: ([loss]) => [loss!, ...names.map(asGiven)],
    }
  }

function sumUp(x: tf.Tensor, b: tf.Tensor, count: number): tf.Tensor {
  let y = x
  for (let i = 0; i < count; i++) y = y.add(b)
  return y
}

const adds: Task = (inputs, { count }) => {
  const [x, b] = [tensorOf(inputs.x!), tensorOf(inputs.b!)]
  return { run: () => [tf.tidy(() => sumUp(x, b, count!))] }
}

const addsGradient: Task = (inputs, { count }) => {
  const b = tensorOf(inputs.b!)
  return gradientOf((x) => sumUp(x, b, count!).sum(), tensorOf(inputs.x!))
}

const tasks: Readonly<Record<TaskName, Task>> = {
  matmul,
  conv: convForward,
  convGradients,
  chain,
  kldiv,
  dkd,
  dist,
  stepMnist: stepOf(mnistLogits, 7),
  stepCifar: stepOf(cifarLogits, 1),
  adds,
  addsGradient,
}

await tf.setBackend('wasm')
await tf.ready()
const simd = (await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT')) ? 'SIMD' : 'no SIMD'
await serve<tf.Tensor>({
  version: `tfjs ${tf.version_core}, ${tf.getBackend()} (${simd}, one thread), own filter gradient`,
  compute: (task, inputs, params) => tasks[task](inputs, params),
  sizeOf: (result) => result.size,
  read: (result) => result.data(),
  free: (results) => tf.dispose([...results]),
})
