import { Module } from '../../nn/module.ts'
import { leakyRelu } from '../../ops/activations.ts'
import type { Random } from '../../random.ts'
import type { Tensor } from '../../tensor.ts'
import type { Layer } from '../layers.ts'
import { attentions, power } from './attention.ts'
import { type ConvPlan, ConvStack } from './conv-stack.ts'
import { equalSize } from './maps.ts'
import { unit } from './unit.ts'

/** How two factors are compared, and with which powers. */
export interface FactorForm {
  readonly form: 'attention' | 'flat'
  /** Power of the activations; only in form 'attention'. */
  readonly p1: number
  /** Power of the differences. */
  readonly p2: number
}

/**
 * Mean of |Q(F_s) - Q(F_t)|^p2 over all elements of two factors, where Q is the attention to |F|^p1 or the whole factor,
 * both of length 1 per sample. The larger factor is averaged down to the size of the smaller.
 */
export function factorDistance(id: string, factors: Layer, { form, p1, p2 }: FactorForm): Tensor {
  const [student, teacher] = form === 'attention' ? attentions(id, factors, p1) : directions(id, factors)
  return power(student.sub(teacher), p2).mean()
}

function directions(id: string, factors: Layer): readonly [Tensor, Tensor] {
  const { student, teacher } = equalSize(id, factors)
  return [unit(student.flatten(1)), unit(teacher.flatten(1))]
}

/** An auto-encoder of a teacher's map: what lies between its halves is the factor. */
export class Paraphraser extends Module {
  readonly encoder: ConvStack
  readonly decoder: ConvStack

  constructor(channels: number, factor: number, random: Random) {
    super()
    const upwards = { transposed: true, norm: false }
    this.encoder = this.child(
      'encoder',
      new ConvStack(channels, stackTo([channels, factor, factor], { norm: false }), random.fork('encoder')),
    )
    this.decoder = this.child(
      'decoder',
      new ConvStack(factor, stackTo([factor, channels, channels], upwards), random.fork('decoder')),
    )
  }

  /** What comes out at the other end. */
  forward(map: Tensor): Tensor {
    return this.decoder.forward(this.encoder.forward(map))
  }
}

/** Makes a factor of a student's map, as the encoder of the paraphraser does, with batch normalisation. */
export const translator = (channels: number, factor: number, random: Random): ConvStack =>
  new ConvStack(channels, stackTo([channels, factor, factor], { norm: true }), random)

const stackTo = (widths: readonly number[], options: Partial<ConvPlan>): ConvPlan[] =>
  widths.map((channels) => ({
    channels,
    kernel: 3,
    activation: (x: Tensor) => leakyRelu(x, 0.1),
    ...options,
  }))
