import { ValueError } from '../../errors.ts'
import { topological } from '../../graph/walk.ts'
import { type Shape, sizeOf } from '../../shape.ts'
import { type AnyTensor, Tensor } from '../../tensor.ts'
import { shapesOnly } from '../init.ts'
import type { MakeModel } from './family.ts'
import type { Image, ModelOptions } from './model.ts'

/** What is known of a model without running it. */
export interface ModelSummary {
  /** How many numbers are trained. */
  readonly parameters: number
  /** Of the convolutions and matrix products from one image to its logits, in evaluation mode. */
  readonly multiplyAdds: number
  /** The images that it was made for. */
  readonly image: Image
  /** Its features in order: [C, H, W] for a map, [D] for a vector. */
  readonly taps: readonly { readonly name: string; readonly shape: Shape }[]
}

/**
 * What a model is, read off the graph that its `forward` builds; nothing is computed, and its weights are never drawn.
 * `make` is an entry of `models`, or makes a model of your own that has an `image`.
 *
 * @throws ValueError where the model does not say for which images it is. @throws whatever `make` throws.
 */
export function summary(make: MakeModel, options: Partial<ModelOptions> = {}): ModelSummary {
  const model = shapesOnly(() => make({ seed: 0, ...options })).eval()
  const { image } = model
  if (!image)
    throw new ValueError(
      `summary: the model must say for which images it is, got ${model.constructor.name} without. Give it a field image = [C, H, W].`,
    )
  const { logits, features } = model.forward(new Tensor([1, ...image], 'float', { host: null }))
  return {
    parameters: model.parameterCount(),
    multiplyAdds: topological([logits]).reduce((sum, node) => sum + multiplyAddsOf(node), 0),
    image,
    taps: Object.entries(features).map(([name, { shape }]) => ({ name, shape: shape.slice(1) })),
  }
}

/** Every output of a convolution sums over a kernel of its weight [out, in / groups, kH, kW], of a product over a row. */
function multiplyAddsOf({ op, inputs, shape }: AnyTensor): number {
  if (op?.name === 'conv2d') return sizeOf(shape) * sizeOf(inputs[1]!.shape.slice(1))
  if (op?.name === 'matmul') return sizeOf(shape) * inputs[0]!.shape.at(-1)!
  return 0
}
