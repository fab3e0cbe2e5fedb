import { expect } from 'vitest'
import { full, ones, type Tensor, tensor, zeros } from '../../src/index.ts'
import type { Prepared } from '../../src/losses/index.ts'

// Adapters of which it is known what they do.

/** Gives adapters these weights; every one must be there and fit. */
export function given(prepared: Prepared, weights: Readonly<Record<string, Tensor>>): Prepared {
  const report = prepared.own.loadStateDict(new Map(Object.entries(weights)), { strict: false })
  expect(report).toMatchObject({ unexpected: [], misshapen: [] })
  return prepared
}

/** Weight [out, in, k, k] of a convolution that hands on what comes in, as far as there are channels for it. */
export function identityConv(out: number, from = out, k = 1): Tensor {
  const middle = (k * k - 1) / 2
  const values = Array.from({ length: out * from * k * k }, (_, i) => {
    const [o, c, place] = [Math.floor(i / (from * k * k)), Math.floor(i / (k * k)) % from, i % (k * k)]
    return Number(o === c && place === middle)
  })
  return tensor(values, [out, from, k, k])
}

/** Batch normalisation that changes nothing in evaluation mode, under the name that it has in the state. */
export const identityNorm = (name: string, channels: number): Record<string, Tensor> => ({
  [`${name}.weight`]: ones([channels]),
  [`${name}.bias`]: zeros([channels]),
  [`${name}.running_mean`]: zeros([channels]),
  [`${name}.running_var`]: full([channels], 1 - 1e-5),
})
