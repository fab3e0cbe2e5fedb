import { crossEntropy, maxPool2d, type Tensor, tensor } from 'kdgrad'
import { kldiv } from 'kdgrad/losses'
import { BatchNorm2d, Conv2d, Linear, Module, Random } from 'kdgrad/nn'
import { type Optimizer, SGD } from 'kdgrad/optim'
import { type Input, tensorOf } from './inputs.ts'
import type { Run } from './support.ts'
import type { Inputs, Params } from './tasks.ts'

// The networks that shared/specs/peers.md times its peers with. Their weights come with the inputs.

const random = new Random(1)

class MnistNet extends Module {
  readonly #conv1 = this.child('conv1', new Conv2d(1, 16, 3, { random, padding: 1 }))
  readonly #conv2 = this.child('conv2', new Conv2d(16, 32, 3, { random, padding: 1 }))
  readonly #fc = this.child('fc', new Linear(1568, 10, { random }))

  logits(images: Tensor): Tensor {
    const first = maxPool2d(this.#conv1.forward(images).relu(), 2)
    const second = maxPool2d(this.#conv2.forward(first).relu(), 2)
    return this.#fc.forward(second.flatten(1))
  }
}

class CifarNet extends Module {
  readonly #convs = [
    this.child('conv1', new Conv2d(3, 32, 3, { random, padding: 1, bias: false })),
    this.child('conv2', new Conv2d(32, 64, 3, { random, padding: 1, stride: 2, bias: false })),
    this.child('conv3', new Conv2d(64, 128, 3, { random, padding: 1, stride: 2, bias: false })),
  ]
  readonly #norms = [32, 64, 128].map((channels, i) => this.child(`bn${i + 1}`, new BatchNorm2d(channels)))
  readonly #fc = this.child('fc', new Linear(128, 100, { random }))

  logits(images: Tensor): Tensor {
    const map = this.#convs.reduce((x, conv, i) => this.#norms[i]!.forward(conv.forward(x)).relu(), images)
    return this.#fc.forward(map.mean([2, 3]))
  }
}

export interface Training {
  readonly images: Input<'float'>
  readonly teacher: Input<'float'>
  readonly labels: Input<'int'>
  readonly logits: (images: Tensor) => Tensor
  readonly optimizer: Optimizer
  readonly ceWeight: number
  readonly temperature: number
}

/** A whole step against fixed teacher logits: upload of the images, forward, backward, new weights. */
export function stepping({ images, logits, optimizer, ceWeight, temperature, ...given }: Training): Run {
  const pixels = images.values()
  const teacher = { logits: tensorOf(given.teacher) }
  const labels = tensorOf(given.labels)
  return async () => {
    const student = { logits: logits(tensor(pixels, images.shape)) }
    const soft = kldiv({ student, teacher }, { temperature }).mul(1 - ceWeight)
    const loss = crossEntropy(student.logits, labels).mul(ceWeight).add(soft)
    await optimizer.step(loss)
    return [loss, ...optimizer.parameters]
  }
}

const stepOf =
  (Net: new () => Module & { logits(images: Tensor): Tensor }) =>
  (inputs: Inputs, { lr, momentum, ceWeight, temperature }: Params): Run => {
    const { images, teacher, labels, ...weights } = inputs
    const net = new Net()
    const state = Object.entries(weights).map(([name, input]) => [name, tensorOf(input as Input<'float'>)])
    // The running statistics start as they are.
    net.loadStateDict(new Map(state as [string, Tensor][]), { strict: false })
    return stepping({
      images: images as Input<'float'>,
      teacher: teacher as Input<'float'>,
      labels: labels as Input<'int'>,
      logits: (x) => net.logits(x),
      optimizer: new SGD(net.parameters(), { lr: lr!, momentum: momentum! }),
      ceWeight: ceWeight!,
      temperature: temperature!,
    })
  }

export const stepMnist = stepOf(MnistNet)
export const stepCifar = stepOf(CifarNet)
