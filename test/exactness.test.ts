import { expect, test } from 'vitest'
import { openDevice } from '../src/device/open.ts'
import { print } from '../src/device/text/print.ts'
import { realizeOn } from '../src/graph/realize.ts'
import { readOn } from '../src/graph/values.ts'
import { tensor } from '../src/index.ts'
import { contiguous } from '../src/view.ts'

// What float32 cannot hold exactly is refused, never rounded in silence.

const float32 = { side: [Infinity, Infinity, Infinity], exact: 2 ** 24 } as const

test('whole numbers above 2^24 do not reach a float32 device', async () => {
  const wasm = await openDevice('gpujs-wasm')
  const large = tensor(Int32Array.of(2 ** 24, 2 ** 24 + 1))
  await expect(realizeOn(wasm, [large.toFloat().add(0)])).rejects.toThrow(
    "gpujs-wasm: whole numbers above 2^24 are not exact in float32, got 16777217. Use smaller ones, or the device 'reference'.",
  )
  const reference = await openDevice('reference')
  expect(Array.from(await readOn(reference, large.toFloat().add(0)))).toEqual([2 ** 24, 2 ** 24 + 1])
})

test('an index into more elements than float32 can count is refused', () => {
  const gather = (n: number) =>
    print({ kind: 'gather', dim: 0, out: [2], inputs: [contiguous([n]), contiguous([2])] }, float32)
  expect(() => gather(2 ** 24)).not.toThrow()
  expect(() => gather(2 ** 24 + 1)).toThrow(
    "gather: places among 16777217 elements are not exact on this device, got more than 16777216. Split the tensor, or use the device 'reference'.",
  )
})

test('loops of more rounds than a device makes are refused', () => {
  // Eight terms in each round, and what is left over behind them.
  const sum = (n: number) =>
    print(
      { kind: 'reduce', op: 'sum', dims: [0, 2], out: [5], inputs: [contiguous([n, 5, 8 * 6 + 3])] },
      { ...float32, rounds: 65_535 },
    )
  // n rounds of 6, and twice n around them and for the rest.
  expect(() => sum(8191)).not.toThrow()
  expect(() => sum(8192)).toThrow(
    "reduce: this device cuts loops short after 65535 rounds, got 65536. Split the tensor, or use the device 'cpu'.",
  )
})

test('flat elementwise work has no such limit', async () => {
  const n = 2 ** 24 + 5
  const wasm = await openDevice('gpujs-wasm')
  const x = tensor(
    Float32Array.from({ length: n }, (_, i) => i % 1000),
    [n],
  )
  const y = await readOn(wasm, x.mul(2))
  expect([y[0], y[2 ** 24], y[n - 1]]).toEqual([0, (2 ** 24 % 1000) * 2, ((n - 1) % 1000) * 2])
})
