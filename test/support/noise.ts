import type { Dataset } from '../../src/data/dataset.ts'
import { Random } from '../../src/random.ts'

/** Square images of noise in three classes: nothing to learn, all to compute. */
export function noise(seed: number, size: number, side: number): Dataset {
  return {
    name: 'noise',
    images: Float32Array.from(new Random(seed).normals(size * side * side)),
    labels: Int32Array.from({ length: size }, (_, i) => i % 3),
    shape: [1, side, side],
    classes: 3,
    size,
  }
}
