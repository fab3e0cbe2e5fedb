import { expect, test } from 'vitest'
import { crossEntropy, type Tensor, tensor } from '../../src/index.ts'
import { Random } from '../../src/random.ts'
import { firstNonFinite } from '../../src/train/locate.ts'

const random = (shape: readonly number[]) =>
  tensor(new Random(1).normals(shape.reduce((a, b) => a * b, 1)), shape)

test('names the operation that made a NaN of finite numbers, and the sample', async () => {
  const x = random([4, 3])
  const inside = x.mul(tensor([[1], [1], [0], [1]])).abs()
  const loss = inside.log().mul(inside.square()).sum(1).mean()
  // 0 log 0.
  expect(await firstNonFinite(loss, 4)).toMatchObject({ op: 'log', shape: [4, 3], value: -Infinity, row: 2 })
})

test('a tensor that comes with one has no operation', async () => {
  const values = random([4, 3])
  values.host![7] = Number.NaN
  const loss = crossEntropy(values.mul(2), tensor(Int32Array.of(0, 1, 2, 0)))
  expect(await firstNonFinite(loss, 4)).toMatchObject({ op: null, shape: [4, 3], row: 2 })
})

test('what is infinite where nobody looks is not the cause', async () => {
  const x = random([2, 3])
  const hidden = x.sub(x).log()
  const guarded = hidden.mul(0).add(x).detach()
  const loss: Tensor = x.exp().mul(1e300).mul(1e300).mean()
  expect(await firstNonFinite(loss, 2)).toMatchObject({ op: 'mul', row: 0, value: Infinity })
  expect(await firstNonFinite(x.sum(), 2)).toBeNull()
  expect(await firstNonFinite(guarded.sum(), 2)).toMatchObject({ op: 'log' })
})
