import { expect } from 'vitest'
import { grad, type Tensor } from '../../src/index.ts'
import { testDevice } from '../setup.ts'

/** What differs from device to device: an allowance for float64, and one for float32. */
export const onDevice = (float64: number, float32: number): number =>
  testDevice === 'reference' ? float64 : float32

/** Every number as wanted, up to `slack` of the largest or of 1. */
export async function same(got: Tensor, wanted: Tensor | number, slack: number): Promise<void> {
  const a = await got.data()
  const b = typeof wanted === 'number' ? [wanted] : await wanted.data()
  expect(a.length).toBe(b.length)
  const largest = Math.max(1, ...Array.from(b, Math.abs))
  Array.from(b).forEach((x, i) => {
    expect(Math.abs(a[i]! - x), `at ${i}: ${a[i]} and ${x}`).toBeLessThanOrEqual(slack * largest)
  })
}

/** A loss as the published code has it: its value, and the length and the first entry of its gradient in `x`. */
export async function expectGolden(
  loss: Tensor,
  x: Tensor,
  [value, norm, first]: readonly [number, number, number],
  allowed = onDevice(1e-10, 1e-5),
): Promise<void> {
  const gradient = grad(loss, [x])[0]!
  const wanted: readonly (readonly [Tensor, number])[] = [
    [loss, value],
    [gradient.norm(), norm],
    [gradient.flatten().slice([[0, 1]]), first],
  ]
  for (const [got, number] of wanted) expect(Math.abs((await got.item()) / number - 1)).toBeLessThan(allowed)
}
