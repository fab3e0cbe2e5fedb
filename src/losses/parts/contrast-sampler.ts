import { ValueError } from '../../errors.ts'
import { Module } from '../../nn/module.ts'
import type { Random } from '../../random.ts'
import { type Tensor, tensor } from '../../tensor.ts'
import type { TrainingSet } from '../batch.ts'
import { AliasTable } from './alias.ts'
import { indicesOf } from './rows.ts'

export interface ContrastSamplerOptions {
  /** How many per sample. */
  readonly negatives: number
  /** The positive of a sample: itself, or any of its class. */
  readonly mode: 'exact' | 'relax'
  /** Negatives from the samples of other classes, without repetition where there are enough, or from all. */
  readonly sampling: 'other classes' | 'alias'
  readonly random: Random
}

/**
 * Chooses positives and negatives on the host. A choice is fixed by the stream, the step and the samples, so that a run
 * which goes on from a checkpoint chooses as it would have done.
 *
 * @throws ValueError where there are fewer samples than negatives, or one class only.
 */
export class ContrastSampler extends Module {
  readonly #options: ContrastSamplerOptions
  readonly #labels: Int32Array
  /** All samples, sorted by class, and where each class starts; one more start ends the last class. */
  readonly #sorted: Int32Array
  readonly #start: Int32Array
  readonly #table: AliasTable | undefined

  constructor(id: string, { size, classes, labels }: TrainingSet, options: ContrastSamplerOptions) {
    super()
    const { negatives, sampling } = options
    if (negatives > size)
      throw new ValueError(
        `${id}: the memory is smaller than the number of negatives, got ${size} samples and ${negatives} negatives. Set negatives to at most ${size}.`,
      )
    const others = sampling === 'other classes'
    if (others && labels.every((label) => label === labels[0]))
      throw new ValueError(
        `${id}: negatives come from other classes, got ${size} samples of class ${labels[0]} alone. Use samples of several classes, or sampling 'alias'.`,
      )
    this.#options = options
    this.#labels = labels
    this.#sorted = Int32Array.from({ length: size }, (_, i) => i).sort(
      (a, b) => labels[a]! - labels[b]! || a - b,
    )
    this.#start = new Int32Array(classes + 1)
    for (const label of labels) this.#start[label + 1]! += 1
    for (let c = 0; c < classes; c++) this.#start[c + 1]! += this.#start[c]!
    if (!others) this.#table = new AliasTable(new Float64Array(size).fill(1))
  }

  /** For samples [N] in a step their positives, and after them their negatives: [N, negatives + 1]. */
  draw(index: Tensor<'int'>, step: number): Tensor<'int'> {
    const { negatives, random } = this.#options
    const stream = random.fork(step)
    const out = new Int32Array(index.size * (negatives + 1))
    indicesOf(index).forEach((sample, i) => {
      const row = out.subarray(i * (negatives + 1), (i + 1) * (negatives + 1))
      row[0] = this.#positive(sample, stream)
      this.#negatives(row.subarray(1), sample, stream)
    })
    return tensor(out, [index.size, negatives + 1])
  }

  #positive(sample: number, random: Random): number {
    if (this.#options.mode === 'exact') return sample
    const { from, count } = this.#classOf(sample)
    return this.#sorted[from + random.integer(count)]!
  }

  #negatives(out: Int32Array, sample: number, random: Random): void {
    if (this.#table) {
      for (let k = 0; k < out.length; k++) out[k] = this.#table.draw(random)
      return
    }
    const { from, count } = this.#classOf(sample)
    const size = this.#sorted.length - count
    const other = (place: number) => this.#sorted[place < from ? place : place + count]!
    if (size < out.length) {
      for (let k = 0; k < out.length; k++) out[k] = other(random.integer(size))
      return
    }
    // The beginning of Fisher and Yates's shuffle.
    const places = Int32Array.from({ length: size }, (_, i) => i)
    for (let k = 0; k < out.length; k++) {
      const at = k + random.integer(size - k)
      const place = places[at]!
      places[at] = places[k]!
      out[k] = other(place)
    }
  }

  /** Where the samples of the same class are in `#sorted`. */
  #classOf(sample: number): { from: number; count: number } {
    const from = this.#start[this.#labels[sample]!]!
    return { from, count: this.#start[this.#labels[sample]! + 1]! - from }
  }
}
