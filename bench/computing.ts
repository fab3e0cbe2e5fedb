import { realize, type Tensor } from 'kdgrad'
import type { Run } from './support.ts'

/** A run that computes the tensors which `build` makes. */
export const computing =
  (build: () => readonly Tensor[]): Run =>
  async () => {
    const results = build()
    await realize(...results)
    return results
  }
