import { expect, test } from 'vitest'
import { einsum, grad, matmul, ones, type Tensor, tensor, zeros } from '../../src/index.ts'

const a = tensor([
  [1, 2],
  [3, 4],
])
const v = tensor([10, 100])

const value = (y: Tensor) => y.toArray()

test('one operand: transpose, sums, trace, diagonal', async () => {
  expect(await value(einsum('ij->ji', a))).toEqual([
    [1, 3],
    [2, 4],
  ])
  expect(await value(einsum('ij->', a))).toBe(10)
  expect(await value(einsum('ij->j', a))).toEqual([4, 6])
  expect(await value(einsum('ii->i', a))).toEqual([1, 4])
  expect(await value(einsum('ii', a))).toBe(5)
  expect(await value(einsum('iii->i', tensor([1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2])))).toEqual([1, 8])
  expect(await value(einsum('iji->j', tensor([1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2])))).toEqual([7, 11])
})

test('the result without an arrow has the letters that occur once, in alphabetical order', async () => {
  expect(await value(einsum('ba', a))).toEqual([
    [1, 3],
    [2, 4],
  ])
  expect(await value(einsum('ij, jk', a, a))).toEqual(await value(matmul(a, a)))
  expect(await value(einsum('i,i', v, v))).toBe(10100)
})

test('two operands: products with and without sums, batches', async () => {
  expect(await value(einsum('ij,j->i', a, v))).toEqual([210, 430])
  expect(await value(einsum('ij,j->ij', a, v))).toEqual([
    [10, 200],
    [30, 400],
  ])
  expect(await value(einsum('i,j->ji', v, tensor([1, 2])))).toEqual([
    [10, 100],
    [20, 200],
  ])
  expect(await value(einsum('ij,kl->', a, a))).toBe(100)
  expect(await value(einsum('ij,ij->', a, a))).toBe(30)
  expect(await value(einsum(',ij->ij', tensor(2), a))).toEqual([
    [2, 4],
    [6, 8],
  ])
  expect(await value(einsum('ii,ij->j', a, a))).toEqual([13, 18])
})

test('three operands are contracted from the left', async () => {
  expect(await value(einsum('i,ij,j->', v, a, v))).toBe(100 + 2000 + 3000 + 40000)
  expect(einsum('bn,anm,bm->ba', ones([2, 3]), ones([4, 3, 5]), ones([2, 5])).shape).toEqual([2, 4])
})

test('an ellipsis stands for further dims, which broadcast and may be summed', async () => {
  expect(einsum('...ij,...jk->...ik', ones([7, 1, 2, 3]), ones([5, 3, 4])).shape).toEqual([7, 5, 2, 4])
  expect(await value(einsum('i...->...', a))).toEqual([4, 6])
  expect(await value(einsum('...i->i...', a))).toEqual([
    [1, 3],
    [2, 4],
  ])
  expect(await value(einsum('...i->i', a))).toEqual([4, 6])
  expect(await value(einsum('...,...', a, v))).toEqual([
    [10, 200],
    [30, 400],
  ])
})

test('dims of size 1 broadcast, empty ones sum to 0', async () => {
  expect(await value(einsum('ij,j->i', tensor([[1], [2]]), v))).toEqual([110, 220])
  expect(await value(einsum('ij,jk->ik', zeros([1, 0]), zeros([0, 1])))).toEqual([[0]])
})

test('the gradient reaches every operand', async () => {
  const b = tensor([
    [5, 6],
    [7, 8],
  ])
  const [ga, gb, gv] = grad(einsum('ij,ij,j->', a, b, v), [a, b, v])
  expect(await value(ga!)).toEqual([
    [50, 600],
    [70, 800],
  ])
  expect(await value(gb!)).toEqual([
    [10, 200],
    [30, 400],
  ])
  expect(await value(gv!)).toEqual([26, 44])
  expect(await value(grad(einsum('ii', a), [a])[0]!)).toEqual([
    [1, 0],
    [0, 1],
  ])
})

const ERRORS: readonly (readonly [call: () => unknown, message: string])[] = [
  [
    () => einsum('ij,jk', a),
    "einsum: 'ij,jk' takes 2 operands, got [2, 2]. Give one tensor per part before the arrow.",
  ],
  [
    () => einsum('i->i'),
    "einsum: 'i->i' takes 1 operand, got none. Give one tensor per part before the arrow.",
  ],
  [
    () => einsum('i1->i', a),
    "einsum: the equation cannot be read, got 'i1->i'. Write letters, '...', commas and one arrow, like 'ij,jk->ik'.",
  ],
  [
    () => einsum('ij->i->j', a),
    "einsum: the equation cannot be read, got 'ij->i->j'. Write letters, '...', commas and one arrow, like 'ij,jk->ik'.",
  ],
  [
    () => einsum('ij->ii', a),
    "einsum: 'i' stands twice behind the arrow, got 'ij->ii'. Name each dim of the result once.",
  ],
  [
    () => einsum('ij->ik', a),
    "einsum: 'k' stands only behind the arrow, got 'ij->ik'. Use letters that an operand has too.",
  ],
  [
    () => einsum('ijk->i', a),
    "einsum: 'ijk' in 'ijk->i' does not fit its operand, got [2, 2]. Write one letter per dim, or '...' for several.",
  ],
  [
    () => einsum('ij,jk->ik', a, zeros([3, 2])),
    "einsum: 'j' in 'ij,jk->ik' has the sizes 2 and 3, got [2, 2] and [3, 2]. Dims of one name must be of one size, or 1.",
  ],
  [
    () => einsum('...i,...i->...', a, zeros([3, 2])),
    "einsum: a dim of '...' in '...i,...i->...' has the sizes 2 and 3, got [2, 2] and [3, 2]. Dims of one name must be of one size, or 1.",
  ],
]

test.each(ERRORS.map(([call, message]) => ({ call, message })))('$message', ({ call, message }) => {
  expect(call).toThrow(expect.objectContaining({ message }))
})
