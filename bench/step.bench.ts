import { crossEntropy, maxPool2d, type Tensor, tensor } from '../src/index.ts'
import { kldiv } from '../src/losses/index.ts'
import { Conv2d, Linear, Module } from '../src/nn/index.ts'
import { Student } from '../src/nn/models/index.ts'
import { Adam, type Optimizer, SGD } from '../src/optim/index.ts'
import { Random } from '../src/random.ts'
import { labelsInput, logitsInput, uniformValues } from './inputs.ts'
import type { Run, Suite, Work } from './support.ts'

/** The network that specs/peers.md times its peers with. */
class PeersNet extends Module {
  readonly #conv1: Conv2d
  readonly #conv2: Conv2d
  readonly #fc: Linear

  constructor() {
    super()
    const random = new Random(1)
    this.#conv1 = this.child('conv1', new Conv2d(1, 16, 3, { random: random.fork('conv1'), padding: 1 }))
    this.#conv2 = this.child('conv2', new Conv2d(16, 32, 3, { random: random.fork('conv2'), padding: 1 }))
    this.#fc = this.child('fc', new Linear(1568, 10, { random: random.fork('fc') }))
  }

  logits(images: Tensor): Tensor {
    const first = maxPool2d(this.#conv1.forward(images).relu(), 2)
    const second = maxPool2d(this.#conv2.forward(first).relu(), 2)
    return this.#fc.forward(second.flatten(1))
  }
}

interface Training {
  readonly logits: (images: Tensor) => Tensor
  readonly optimizer: Optimizer
  readonly ceWeight: number
}

/** A whole step on a batch of 28x28 images against fixed teacher logits: upload, forward, backward, new weights. */
function stepping(batch: number, { logits, optimizer, ceWeight }: Training): Run {
  const shape = [batch, 1, 28, 28]
  const images = uniformValues(1, shape)
  const teacher = { logits: logitsInput(2, [batch, 10]) }
  const labels = labelsInput(3, batch, 10)
  return async () => {
    const student = { logits: logits(tensor(images, shape)) }
    const soft = kldiv({ student, teacher }).mul(1 - ceWeight)
    const loss = crossEntropy(student.logits, labels).mul(ceWeight).add(soft)
    await optimizer.step(loss)
    return [loss, ...optimizer.parameters]
  }
}

const works: readonly Work[] = [
  {
    name: 'KD step MNIST, SGD, batch 64',
    prepare: () => {
      const net = new PeersNet()
      const optimizer = new SGD(net.parameters(), { lr: 0.01, momentum: 0.9 })
      return stepping(64, { logits: (x) => net.logits(x), optimizer, ceWeight: 0.5 })
    },
  },
  {
    name: 'KD step S4-8, Adam, batch 32',
    prepare: () => {
      const net = new Student({ seed: 1 })
      const optimizer = new Adam(net.parameters(), { lr: 1e-3 })
      return stepping(32, { logits: (x) => net.forward(x).logits, optimizer, ceWeight: 0.1 })
    },
  },
]

export const step: Suite = { name: 'step', works }
