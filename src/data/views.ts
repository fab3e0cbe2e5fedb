import type { Random } from '../random.ts'
import { type Tensor, tensor } from '../tensor.ts'
import { type Dataset, membersOf } from './dataset.ts'

/** Farthest that a strong view is shifted, as a share of the height and width. */
const SHIFT = 1 / 8
/** Side of the square that is cut out of it, as a share of the height. */
const CUT = 1 / 4

/**
 * Other views of the images at `indices`, [N, C, H, W]: each is shifted by up to an eighth of its size and a square of a
 * quarter of its height is cut out; what comes in from outside is the darkest value of the channel. `random` names the
 * epoch: the view of a sample is a function of it and of the sample, so that it can be replayed.
 */
export function strongViews(dataset: Dataset, indices: ArrayLike<number>, random: Random): Tensor {
  const { shape, images } = dataset
  const [channels, height, width] = shape
  const plane = height * width
  const views = new Float32Array(indices.length * channels * plane)
  for (let i = 0; i < indices.length; i++) {
    const own = random.fork(indices[i]!)
    const [dy, dx] = [shiftOf(own, height), shiftOf(own, width)]
    const side = Math.min(Math.round(CUT * height), width)
    const [top, left] = [own.integer(height - side + 1), own.integer(width - side + 1)]
    for (let c = 0; c < channels; c++) {
      const image = images.subarray(
        (indices[i]! * channels + c) * plane,
        (indices[i]! * channels + c + 1) * plane,
      )
      const empty = image.reduce((a, b) => Math.min(a, b))
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) {
          const [fromY, fromX] = [y + dy, x + dx]
          const cut = y >= top && y < top + side && x >= left && x < left + side
          const outside = fromY < 0 || fromY >= height || fromX < 0 || fromX >= width
          views[(i * channels + c) * plane + y * width + x] =
            cut || outside ? empty : image[fromY * width + fromX]!
        }
    }
  }
  return tensor(views, [indices.length, ...shape])
}

function shiftOf(random: Random, size: number): number {
  const most = Math.floor(SHIFT * size)
  return random.integer(2 * most + 1) - most
}

/** For each sample another one of its class, drawn at random; the sample itself where it is the only one. */
export function partnersOf(dataset: Dataset, indices: ArrayLike<number>, random: Random): Int32Array {
  const members = membersOf(dataset)
  return Int32Array.from({ length: indices.length }, (_, i) => {
    const own = indices[i]!
    const others = members[dataset.labels[own]!]!.filter((other) => other !== own)
    return others.length === 0 ? own : others[random.integer(others.length)]!
  })
}
