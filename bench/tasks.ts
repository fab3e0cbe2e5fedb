import { conv2d, grad, type Tensor, vjp } from 'kdgrad'
import { type AnyLoss, dist, dkd, kldiv } from 'kdgrad/losses'
import { computing } from './computing.ts'
import type { TaskName } from './definition.ts'
import { type Input, tensorOf } from './inputs.ts'
import { stepCifar, stepMnist } from './steps.ts'
import type { Run } from './support.ts'

// Every task as a user of kdgrad writes it, through the public surface alone: `npm run bench` runs this file with the
// sources, `npm run bench:peers` with the built package.

export type Inputs = Readonly<Record<string, Input>>
export type Params = Readonly<Record<string, number>>
type Task = (inputs: Inputs, params: Params) => Run

/** A task on inputs that are uploaded before. */
const on =
  (build: (tensors: Readonly<Record<string, Tensor>>, params: Params) => readonly Tensor[]): Task =>
  (inputs, params) => {
    const tensors = Object.fromEntries(
      Object.entries(inputs).map(([name, input]) => [name, tensorOf(input as Input<'float'>)]),
    )
    return computing(() => build(tensors, params))
  }

/** A loss: the value, and the gradient in the student's logits. */
const lossTask =
  (loss: AnyLoss): Task =>
  (inputs, params) => {
    const student = tensorOf(inputs.student as Input<'float'>)
    const teacher = tensorOf(inputs.teacher as Input<'float'>)
    const labels = tensorOf(inputs.labels as Input<'int'>)
    const batch = { student: { logits: student }, teacher: { logits: teacher }, labels }
    const prepared = loss.prepare(batch, params)
    return computing(() => {
      const value = prepared(batch)
      return [value, ...grad(value, [student])]
    })
  }

function sumUp(x: Tensor, b: Tensor, count: number): Tensor {
  let y = x
  for (let i = 0; i < count; i++) y = y.add(b)
  return y
}

export const tasks: Readonly<Record<TaskName, Task>> = {
  matmul: on(({ a, b }) => [a!.matmul(b!)]),
  conv: on(({ x, w }, { padding }) => [conv2d(x!, w!, { padding: padding! })]),
  convGradients: on(({ x, w, dy }, { padding }) => {
    const y = conv2d(x!, w!, { padding: padding! })
    return [y, ...vjp([y], [x!, w!], [dy!])]
  }),
  chain: on((tensors) => {
    const x = tensors.x!
    const x2 = x.mul(x)
    const x3 = x2.mul(x)
    const t = x3.mul(0.044715).add(x).mul(0.7978845608).tanh()
    const y = t.add(1).mul(x).sum()
    return [y, ...grad(y, [x])]
  }),
  kldiv: lossTask(kldiv),
  dkd: lossTask(dkd),
  dist: lossTask(dist),
  stepMnist,
  stepCifar,
  adds: on(({ x, b }, { count }) => [sumUp(x!, b!, count!)]),
  addsGradient: on(({ x, b }, { count }) => {
    const y = sumUp(x!, b!, count!).sum()
    return [y, ...grad(y, [x!])]
  }),
}
