import { ValueError } from '../errors.ts'
import { declareComposed } from '../graph/define.ts'
import type { Random } from '../random.ts'
import { Tensor } from '../tensor.ts'

/** Settings of `dropout`. */
export interface DropoutOptions {
  /** Default true, as in PyTorch; otherwise the input comes back as it is. */
  readonly training?: boolean
  /** Draws the mask: x.size numbers, on the host, so that it is the same on every device. */
  readonly random?: Pick<Random, 'bernoulli'> | undefined
}

/**
 * Each element zeroed with probability `p` and the rest scaled by 1 / (1 - p), as `torch.nn.functional.dropout`; the
 * identity where `p` is 0 or not training. Randomness is explicit: the same generator state gives the same mask.
 * Srivastava et al., "Dropout", JMLR 15 (2014).
 *
 * @throws ValueError where `p` is not in [0, 1], or a mask is needed and there is no generator.
 */
export function dropout(x: Tensor, p = 0.5, { training = true, random }: DropoutOptions = {}): Tensor {
  if (!(p >= 0 && p <= 1))
    throw new ValueError(`dropout: the probability must be between 0 and 1, got ${p}. Choose another p.`)
  if (!training || p === 0) return x
  if (!random)
    throw new ValueError(
      'dropout: training needs a generator for the mask, got none. Pass random: new Random(seed).',
    )
  const keep = 1 - p
  const kept = random.bernoulli(x.size, keep)
  return x.mul(new Tensor(x.shape, 'float', { host: Float64Array.from(kept, (k) => (k > 0 ? 1 / keep : 0)) }))
}

/** Keeps every third element: a mask that tests can foresee. */
const everyThird = { bernoulli: (n: number) => Float32Array.from({ length: n }, (_, i) => (i % 3 ? 0 : 1)) }

declareComposed(
  'dropout',
  (draw) => ({ inputs: [{ shape: draw.shape(0, 4) }], params: { p: draw.pick([0.25, 0.5, 0.9]) } }),
  ([x], { p }) => dropout(x!, p as number, { random: everyThird }),
)
