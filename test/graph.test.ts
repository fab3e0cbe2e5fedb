import { describe, expect, test } from 'vitest'
import type { Device } from '../src/device/device.ts'
import { openReference } from '../src/device/reference.ts'
import { realizeOn } from '../src/graph/realize.ts'
import { readOn } from '../src/graph/values.ts'
import { conv2d, grad, hvp, realize, softmax, type Tensor, tensor, vjp } from '../src/index.ts'

/** The reference device, counting what is compiled, run, made and released. */
function counting() {
  const device = openReference()
  const counts = { compiled: 0, runs: 0, made: 0, released: 0, alive: 0, most: 0 }
  const alive = new Set<object>()
  const born = <B extends object>(buffer: B): B => {
    counts.made++
    alive.add(buffer)
    counts.alive = alive.size
    counts.most = Math.max(counts.most, alive.size)
    return buffer
  }
  const counted: Device = {
    ...device,
    compile: (kernel) => {
      counts.compiled++
      const program = device.compile(kernel)
      return (buffers, scalars) => {
        counts.runs++
        return (program(buffers, scalars) as readonly object[]).map(born)
      }
    },
    upload: (data) => born(device.upload(data) as object),
    release: (buffer) => {
      counts.released++
      expect(alive.delete(buffer), 'released twice').toBe(true)
      counts.alive = alive.size
    },
  }
  return { device: counted, counts }
}

describe('derivatives', () => {
  test('of every order', async () => {
    const x = tensor([2])
    const first = grad(x.mul(x).mul(x).sum(), [x])[0]!
    const second = grad(first.sum(), [x])[0]!
    const third = grad(second.sum(), [x])[0]!
    const fourth = grad(third.sum(), [x])[0]!
    await realize(first, second, third, fourth)
    const values = await Promise.all([first, second, third, fourth].map((t) => t.item()))
    expect(values).toEqual([12, 12, 6, 0])
  })

  test('a tensor used twice gets both gradients', async () => {
    const x = tensor([3])
    expect(await grad(x.add(x).mul(x).sum(), [x])[0]!.toArray()).toEqual([12])
  })

  test('a tensor the loss does not depend on gets zeros', async () => {
    const [x, y] = [tensor([1, 2]), tensor([3, 4])]
    expect(await grad(x.sum(), [y])[0]!.toArray()).toEqual([0, 0])
  })

  test('nothing flows through detach', async () => {
    const x = tensor([3])
    expect(await grad(x.mul(x.detach()).sum(), [x])[0]!.toArray()).toEqual([3])
  })

  test('broadcasting is undone, numbers included', async () => {
    const [a, b] = [tensor([[1, 2, 3]]), tensor([[1], [2]])]
    const [da, db] = grad(a.mul(b).mul(2).sum(), [a, b])
    expect(await da!.toArray()).toEqual([[6, 6, 6]])
    expect(await db!.toArray()).toEqual([[12], [12]])
  })

  test('a realized tensor can still be differentiated', async () => {
    const x = tensor([2])
    const y = x.square().sum()
    expect(await y.item()).toBe(4)
    const [dx] = grad(y, [x])
    expect(await dx!.item()).toBe(4)
    expect(await grad(dx!.sum(), [x])[0]!.item()).toBe(2)
  })

  test('vjp weighs outputs, hvp multiplies by the Hessian', async () => {
    const x = tensor([1, 2])
    expect(await vjp([x.square()], [x], [tensor([10, 100])])[0]!.toArray()).toEqual([20, 400])
    // f = x0² x1: the Hessian at (1, 2) is [[4, 2], [2, 0]].
    const f = x
      .slice([[0, 1]])
      .square()
      .mul(x.slice([[1, 2]]))
      .sum()
    expect(await hvp(f, [x], [tensor([1, 3])])[0]!.toArray()).toEqual([10, 2])
    expect(() => vjp([x], [x], [tensor([1])])).toThrow(
      'vjp: cotangent 0 does not fit its output, got [1] for [2]. Give one of equal shape per output.',
    )
  })

  test('a chain of 20,000 operations neither overflows the stack nor takes quadratic time', async () => {
    const chain = (length: number) => {
      const x = tensor([1])
      let y: Tensor = x
      for (let i = 0; i < length; i++) y = y.mul(1.0001).add(1e-4)
      return { x, loss: y.sum() }
    }
    const time = async (length: number) => {
      const { x, loss } = chain(length / 2)
      const started = performance.now()
      const [dx] = grad(loss, [x])
      await realize(dx!, loss)
      expect(await dx!.item()).toBeCloseTo(1.0001 ** (length / 2), 6)
      return performance.now() - started
    }
    // The best of a few: other programs run too.
    const best = async (length: number) =>
      Math.min(await time(length), await time(length), await time(length))
    await time(2_000)
    const short = await best(5_000)
    const long = await best(20_000)
    expect(long / short).toBeLessThan(12)
  })
})

describe('realize', () => {
  test('releases every intermediate after its last use', async () => {
    const { device, counts } = counting()
    const x = tensor([[1, 2, 3]])
    let y: Tensor = x
    for (let i = 0; i < 50; i++) y = y.mul(2).add(1).div(2)
    await realizeOn(device, [y])
    // The leaf, the result, and while running one more.
    expect(counts.alive).toBe(2)
    expect(counts.most).toBeLessThanOrEqual(3)
  })

  test('a step with branches leaves only what was asked for', async () => {
    const { device, counts } = counting()
    const x = tensor(
      new Float64Array(2 * 3 * 5 * 5).map((_, i) => Math.sin(i)),
      [2, 3, 5, 5],
    )
    const w = tensor(
      new Float64Array(4 * 3 * 9).map((_, i) => Math.cos(i)),
      [4, 3, 3, 3],
    )
    const loss = softmax(conv2d(x, w, { padding: 1 }).flatten(1), 1)
      .square()
      .sum()
    const [dx, dw] = grad(loss, [x, w])
    await realizeOn(device, [loss, dx!, dw!])
    expect(counts.alive).toBe(5)
    expect(counts.released).toBe(counts.made - 5)
  })

  test('releases what it has made where a kernel fails', async () => {
    const { device, counts } = counting()
    const failing: Device = {
      ...device,
      compile: (kernel) =>
        kernel.kind === 'reduce'
          ? () => {
              throw new Error('no')
            }
          : device.compile(kernel),
    }
    await expect(realizeOn(failing, [tensor([1, 2]).exp().mul(2).sum()])).rejects.toThrow('no')
    expect(counts.alive).toBe(1)
  })

  test('a graph of equal structure is planned once, whatever its numbers', async () => {
    const { device, counts } = counting()
    const step = (values: number[], rate: number) => tensor(values).mul(rate).exp().sum()
    const first = step([1, 2, 3], 0.1)
    await realizeOn(device, [first])
    const compiled = counts.compiled
    const second = step([4, 5, 6], 0.2)
    await realizeOn(device, [second])
    expect(counts.compiled).toBe(compiled)
    expect((await readOn(device, second))[0]).toBeCloseTo(Math.exp(0.8) + Math.exp(1) + Math.exp(1.2), 12)
    await realizeOn(device, [step([1, 2, 3, 4], 0.1)])
    expect(counts.compiled).toBeGreaterThan(compiled)
  })

  test('shared work is done once, and a realized tensor is not computed again', async () => {
    const { device, counts } = counting()
    const x = tensor([1, 2])
    const shared = x.exp()
    await realizeOn(device, [shared.add(1), shared.mul(2)])
    expect(counts.runs).toBe(3)
    await realizeOn(device, [shared])
    const runs = counts.runs
    await realizeOn(device, [shared, shared.add(5)])
    expect(counts.runs).toBe(runs + 1)
  })

  test('movement copies nothing', async () => {
    const { device, counts } = counting()
    const x = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ])
    await realizeOn(device, [
      x
        .transpose()
        .slice([[1, 3]])
        .flip(1)
        .pad([1, 0])
        .unsqueeze(0)
        .add(1),
    ])
    expect(counts.runs).toBe(1)
  })

  test('a tensor moves to the device that asks for it', async () => {
    const [one, other] = [openReference(), openReference()]
    const y = tensor([1, 2]).exp()
    await realizeOn(one, [y])
    await realizeOn(other, [y.mul(2)])
    expect(y.storage!.device).toBe(other)
    expect(Array.from(await readOn(other, y))).toEqual([Math.E, Math.exp(2)])
  })

  test('the first part of a larger buffer is handed out as a part', async () => {
    const whole = tensor([1, 2, 3, 4]).mul(2)
    expect(Array.from(await whole.slice([[0, 2]]).data())).toEqual([2, 4])
    expect(Array.from(await whole.slice([[2, 4]]).data())).toEqual([6, 8])
  })

  test('empty tensors are values too', async () => {
    const none = tensor([], [0, 3])
    expect(await none.exp().sum(0).toArray()).toEqual([0, 0, 0])
    expect(await none.add(1).toArray()).toEqual([])
    expect(await none.mean().item()).toBeNaN()
    expect((await none.matmul(tensor([1, 2, 3], [3, 1])).data()).length).toBe(0)
    expect(
      await tensor([], [2, 0])
        .matmul(tensor([], [0, 2]))
        .toArray(),
    ).toEqual([
      [0, 0],
      [0, 0],
    ])
  })
})

describe('values', () => {
  test('come back nested, typed and as one number', async () => {
    const x = tensor([
      [1, 2],
      [3, 4],
    ])
    expect(await x.toArray()).toEqual([
      [1, 2],
      [3, 4],
    ])
    expect(await x.gt(2).toArray()).toEqual([
      [0, 0],
      [1, 1],
    ])
    expect(await x.argmax(1).data()).toEqual(Int32Array.of(1, 1))
    expect(await x.gt(2).data()).toEqual(Uint8Array.of(0, 0, 1, 1))
    expect(await tensor(3).item()).toBe(3)
    expect(await tensor(3).toArray()).toBe(3)
  })

  test('what data() gives is the caller’s own', async () => {
    const y = tensor([1, 2]).add(0)
    ;(await y.data())[0] = 99
    expect(await y.toArray()).toEqual([1, 2])
    const host = Float32Array.of(1, 2)
    const x = tensor(host, [2])
    host[0] = 99
    expect(await x.toArray()).toEqual([1, 2])
  })

  test('tensors print as the code that rebuilds them', () => {
    expect(
      String(
        tensor([
          [1, -0],
          [0.1, 3],
        ]),
      ),
    ).toBe('tensor([1, -0, 0.1, 3], [2, 2])')
    expect(String(tensor(Int32Array.of(1, 2)))).toBe("tensor([1, 2], [2], 'int')")
    expect(String(tensor([1, 2]).exp())).toBe('exp[2]')
  })
})
