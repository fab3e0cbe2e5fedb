import { ShapeError, show } from '../../errors.ts'
import { BatchNorm2d } from '../../nn/layers/batch-norm2d.ts'
import { ConvTranspose2d } from '../../nn/layers/conv-transpose2d.ts'
import { Conv2d } from '../../nn/layers/conv2d.ts'
import { Module } from '../../nn/module.ts'
import type { Random } from '../../random.ts'
import type { Tensor } from '../../tensor.ts'
import type { Layer } from '../layers.ts'
import { checkMaps } from './maps.ts'

export interface RegressorOptions {
  readonly random: Random
  /** Batch normalisation after the convolution. */
  readonly norm: boolean
  /** Relu at the end. */
  readonly relu: boolean
}

/**
 * Takes a student's map to the channels and the size of the teacher's, as RepDistiller's and mdistiller's ConvReg does:
 *
 * | student height  | layer                                                       |
 * |-----------------|-------------------------------------------------------------|
 * | twice           | 3x3 convolution, stride 2, padding 1                        |
 * | half            | transposed 4x4 convolution, stride 2, padding 1             |
 * | equal or larger | convolution of kernel 1 + difference, no padding            |
 *
 * @throws ShapeError where the student's map is smaller in another way.
 */
export class Regressor extends Module {
  readonly conv: Conv2d | ConvTranspose2d
  readonly bn: BatchNorm2d | undefined
  readonly #relu: boolean

  constructor(id: string, layer: Layer, { random, norm, relu }: RegressorOptions) {
    super()
    checkMaps(id, layer)
    const [, from, h, w] = layer.student.shape as readonly [number, number, number, number]
    const [, to, height, width] = layer.teacher.shape as readonly [number, number, number, number]
    const options = { random: random.fork('conv') }
    if (h === 2 * height && w === 2 * width)
      this.conv = this.child('conv', new Conv2d(from, to, 3, { ...options, stride: 2, padding: 1 }))
    else if (2 * h === height && 2 * w === width)
      this.conv = this.child('conv', new ConvTranspose2d(from, to, 4, { ...options, stride: 2, padding: 1 }))
    else if (h >= height && w >= width)
      this.conv = this.child('conv', new Conv2d(from, to, [1 + h - height, 1 + w - width], options))
    else
      throw new ShapeError(
        `${id}: no regressor leads from the student's map to the teacher's, got ${layer.name.student} ${show(layer.student.shape)} and ${layer.name.teacher} ${show(layer.teacher.shape)}. Choose layers where the student's map is half as large, or not smaller.`,
      )
    if (norm) this.bn = this.child('bn', new BatchNorm2d(to))
    this.#relu = relu
  }

  /** [N, C_s, H_s, W_s] to [N, C_t, H_t, W_t]. */
  forward(x: Tensor): Tensor {
    const y = this.conv.forward(x)
    const normal = this.bn ? this.bn.forward(y) : y
    return this.#relu ? normal.relu() : normal
  }
}
