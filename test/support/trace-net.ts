import { maxPool2d } from '../../src/index.ts'
import { BatchNorm2d, Conv2d, Linear, Module } from '../../src/nn/index.ts'
import { Random } from '../../src/random.ts'
import type { Tensor } from '../../src/tensor.ts'

/** The network of the training runs that PyTorch recorded; sizes follow from the recorded weights. */
export class TraceNet extends Module {
  readonly #conv1: Conv2d
  readonly #bn1: BatchNorm2d
  readonly #conv2: Conv2d
  readonly #bn2: BatchNorm2d
  readonly #fc: Linear
  /** Maps the student's channels to the teacher's, where the run has a hint loss. */
  readonly #regressor: Conv2d | undefined

  constructor(state: ReadonlyMap<string, Tensor>) {
    super()
    const random = new Random(0)
    const shape = (name: string) => state.get(name)!.shape as [number, number]
    const conv = (name: string, size: number) => {
      const [to, from] = shape(`${name}.weight`)
      const padding = (size - 1) / 2
      return this.child(
        name,
        new Conv2d(from, to, size, { random, padding, bias: state.has(`${name}.bias`) }),
      )
    }
    this.#conv1 = conv('conv1', 3)
    this.#bn1 = this.child('bn1', new BatchNorm2d(shape('bn1.weight')[0]))
    this.#conv2 = conv('conv2', 3)
    this.#bn2 = this.child('bn2', new BatchNorm2d(shape('bn2.weight')[0]))
    const [classes, width] = shape('fc.weight')
    this.#fc = this.child('fc', new Linear(width, classes, { random }))
    this.#regressor = state.has('regressor.weight') ? conv('regressor', 1) : undefined
    // Running statistics start as they come and are not recorded.
    const { missing, unexpected, misshapen } = this.loadStateDict(state, { strict: false })
    if (unexpected.length > 0 || misshapen.length > 0 || missing.some((name) => !name.includes('running_')))
      throw new Error(
        `the recorded weights do not fit: ${JSON.stringify({ missing, unexpected, misshapen })}`,
      )
  }

  forward(x: Tensor): { logits: Tensor; hint: Tensor | undefined } {
    const first = maxPool2d(this.#bn1.forward(this.#conv1.forward(x)).relu(), 2)
    const second = maxPool2d(this.#bn2.forward(this.#conv2.forward(first)).relu(), 2)
    return { logits: this.#fc.forward(second.flatten(1)), hint: this.#regressor?.forward(second) }
  }
}
