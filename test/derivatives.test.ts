import { describe, expect, test } from 'vitest'
import {
  customGradient,
  grad,
  gradcheck,
  gradientReversal,
  hessian,
  hvp,
  jacobian,
  jvp,
  stopGradient,
  type Tensor,
  tensor,
  valueAndGrad,
  vjp,
} from '../src/index.ts'

const x = tensor([0.5, -1, 2])

describe('derivatives as functions', () => {
  test('valueAndGrad gives both', async () => {
    const { value, grads } = valueAndGrad((a, b) => a.mul(b).sum(), [x, tensor([1, 2, 3])])
    expect(await value.item()).toBe(4.5)
    expect(await grads[0].toArray()).toEqual([1, 2, 3])
    expect(await grads[1].toArray()).toEqual([0.5, -1, 2])
  })

  test('jvp is the product with the Jacobian, vjp with its transpose', async () => {
    const y = x.exp().mul(x.sum())
    const [v, u] = [tensor([1, 2, 3]), tensor([-1, 0.5, 2])]
    const J = jacobian(y, x)
    const forward = await jvp([y], [x], [v])[0]!.data()
    const back = await vjp([y], [x], [u])[0]!.data()
    const Jv = await J.matmul(v).data()
    const JTu = await J.transpose().matmul(u).data()
    forward.forEach((value, i) => {
      expect(value).toBeCloseTo(Jv[i]!, 5)
    })
    back.forEach((value, i) => {
      expect(value).toBeCloseTo(JTu[i]!, 5)
    })
  })

  test('jacobian of a matrix function has the shapes of both', async () => {
    const A = tensor([
      [1, 2],
      [3, 4],
    ])
    const J = jacobian(A.matmul(x.slice([[0, 2]])), x)
    expect(J.shape).toEqual([2, 3])
    expect(await J.toArray()).toEqual([
      [1, 2, 0],
      [3, 4, 0],
    ])
  })

  test('hessian is symmetric and agrees with hvp', async () => {
    const f = x.mul(x).mul(x.sum()).sum()
    const H = await hessian(f, x).toArray()
    expect(H).toEqual((H as number[][]).map((_, i) => (H as number[][]).map((row) => row[i])))
    const v = tensor([1, -1, 2])
    const product = await hvp(f, [x], [v])[0]!.toArray()
    expect(await hessian(f, x).matmul(v).toArray()).toEqual(product)
  })

  test('a tangent that does not fit is refused', () => {
    expect(() => jvp([x.exp()], [x], [tensor([1])])).toThrow(
      'jvp: tangent 0 does not fit its tensor, got [1] for [3]. Give one of equal shape per tensor.',
    )
  })
})

describe('gradients of one’s own', () => {
  test('stopGradient lets nothing through', async () => {
    expect(await grad(stopGradient(x).mul(x).sum(), [x])[0]!.toArray()).toEqual([0.5, -1, 2])
  })

  test('customGradient replaces the gradient and is differentiated as it stands', async () => {
    // A rounding that passes the gradient straight through, scaled by the input.
    const y = customGradient(x.sign(), [x], (g) => [g.mul(x)])
    expect(await y.toArray()).toEqual([1, -1, 1])
    const [dx] = grad(y.mul(tensor([1, 2, 3])).sum(), [x])
    expect(await dx!.toArray()).toEqual([0.5, -2, 6])
    expect(await grad(dx!.sum(), [x])[0]!.toArray()).toEqual([1, 2, 3])
  })

  test('customGradient with the true gradient passes the gradient check', async () => {
    const stable = (z: Tensor) => customGradient(z.exp(), [z], (g) => [g.mul(z.exp())])
    expect((await gradcheck((z) => stable(z), [x], { order: 2 })).ok).toBe(true)
  })

  test('what does not fit is refused', () => {
    const none = customGradient(x.exp(), [x], () => [] as never)
    expect(() => grad(none.sum(), [x])).toThrow(
      'customGradient: there must be one gradient per input, got 0 for 1. Give null where there is none.',
    )
    const wide = customGradient(x.exp(), [x], (g) => [g.unsqueeze(0)])
    expect(() => grad(wide.sum(), [x])).toThrow(
      'customGradient: gradient 0 does not fit its input, got [1, 3] for [3]. Give it the input’s shape.'.replace(
        '’',
        "'",
      ),
    )
  })

  test('gradientReversal turns the gradient round', async () => {
    const y = gradientReversal(x, 0.5)
    expect(await y.toArray()).toEqual([0.5, -1, 2])
    expect(await grad(y.mul(y).sum(), [x])[0]!.toArray()).toEqual([-0.5, 1, -2])
  })
})
