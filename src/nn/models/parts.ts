import type { Random } from '../../random.ts'
import type { Tensor } from '../../tensor.ts'
import { type Init, kaimingUniform, normal } from '../init.ts'
import { BatchNorm2d } from '../layers/batch-norm2d.ts'
import { Conv2d } from '../layers/conv2d.ts'
import { Module } from '../module.ts'
import type { Norm } from './model.ts'

// What the networks of several families are made of.

/** Settings of a convolution. */
export interface Convolving {
  /** Default 1. */
  readonly stride?: number
  /** Default 1. */
  readonly groups?: number
}

/** How the first weights come about. */
export interface Drawing {
  readonly random: Random
  /** Default `kaimingUniform`. */
  readonly weightInit?: Init
}

/** A convolution that keeps the size of the plane but for its stride, without bias. */
export const conv = (kernel: 1 | 3, from: number, to: number, options: Convolving & Drawing): Conv2d =>
  new Conv2d(from, to, kernel, { padding: (kernel - 1) / 2, bias: false, ...options })

/** What the linear layers of VGG and MobileNetV2 start from. */
export const smallNormal: Init = (random, shape) => normal(random, shape, 0.01)

/** A convolution and its batch normalisation. */
export interface Normed {
  readonly bn: BatchNorm2d
  forward(x: Tensor): Tensor
}

/** A block of convolutions, each with its batch normalisation: `conv1`, `bn1`, `conv2`, ..., in the order of their making. */
export abstract class Block extends Module {
  readonly #drawing: Required<Drawing>
  #made = 0

  constructor({ random, weightInit = kaimingUniform }: Drawing) {
    super()
    this.#drawing = { random, weightInit }
  }

  /** The settings of a convolution of this name. */
  protected drawing(name: string): Required<Drawing> {
    return { ...this.#drawing, random: this.#drawing.random.fork(name) }
  }

  protected normed(kernel: 1 | 3, from: number, to: number, convolving: Convolving = {}): Normed {
    const i = ++this.#made
    const name = `conv${i}`
    const made = this.child(name, conv(kernel, from, to, { ...convolving, ...this.drawing(name) }))
    const bn = this.child(`bn${i}`, new BatchNorm2d(to))
    return { bn, forward: (x) => bn.forward(made.forward(x)) }
  }
}

/** Scales and shifts by the names of the stages, from the first. */
export const normsOf = (norms: readonly BatchNorm2d[]): Record<string, Norm> =>
  Object.fromEntries(norms.map(({ weight, bias }, i) => [`stage${i + 1}`, { weight, bias }]))
