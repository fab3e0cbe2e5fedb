import { describe, expect, test } from 'vitest'
import { ones, type Tensor, tensor } from '../../src/index.ts'
import { BatchNorm2d, Conv2d, Linear, Module } from '../../src/nn/index.ts'
import { Student, Teacher } from '../../src/nn/models/index.ts'
import { Random } from '../../src/random.ts'

class Block extends Module {
  readonly conv: Conv2d
  readonly bn: BatchNorm2d

  constructor(random: Random) {
    super()
    this.conv = this.child('conv1', new Conv2d(1, 2, 3, { random }))
    this.bn = this.child('bn1', new BatchNorm2d(2))
  }
}

class Net extends Module {
  constructor(seed = 0) {
    super()
    const random = new Random(seed)
    this.child('layer', new Block(random.fork('layer')))
    this.child('fc', new Linear(3, 2, { random: random.fork('fc') }))
    this.parameter('scale', ones([1]))
  }
}

const valuesOf = async (state: ReadonlyMap<string, Tensor>) =>
  Object.fromEntries(
    await Promise.all([...state].map(async ([name, t]) => [name, Array.from(await t.data())])),
  )

describe('names', () => {
  test('are PyTorch’s, own entries before those of children', () => {
    const net = new Net()
    expect([...net.namedParameters().keys()]).toEqual([
      'scale',
      'layer.conv1.weight',
      'layer.conv1.bias',
      'layer.bn1.weight',
      'layer.bn1.bias',
      'fc.weight',
      'fc.bias',
    ])
    expect([...net.namedBuffers().keys()]).toEqual(['layer.bn1.running_mean', 'layer.bn1.running_var'])
    expect([...net.namedModules().keys()]).toEqual(['', 'layer', 'layer.conv1', 'layer.bn1', 'fc'])
    expect([...net.stateDict().keys()].slice(3, 7)).toEqual([
      'layer.bn1.weight',
      'layer.bn1.bias',
      'layer.bn1.running_mean',
      'layer.bn1.running_var',
    ])
  })

  test('cannot be taken twice', () => {
    class Twice extends Module {
      constructor() {
        super()
        this.parameter('weight', ones([1]))
        this.buffer('weight', ones([1]))
      }
    }
    expect(() => new Twice()).toThrow(
      'Module: there is an entry weight already, got it twice. Choose another name.',
    )
  })
})

describe('state dict', () => {
  test('survives the round trip into a network that started otherwise', async () => {
    const [from, to] = [new Net(1), new Net(2)]
    expect(await valuesOf(to.stateDict())).not.toEqual(await valuesOf(from.stateDict()))
    expect(to.loadStateDict(from.stateDict())).toEqual({ missing: [], unexpected: [], misshapen: [] })
    expect(await valuesOf(to.stateDict())).toEqual(await valuesOf(from.stateDict()))
  })

  test('keeps the values that it was taken with', async () => {
    const net = new Net(1)
    const before = net.stateDict()
    const values = await valuesOf(before)
    net.loadStateDict(new Net(2).stateDict())
    expect(await valuesOf(before)).toEqual(values)
    expect(await valuesOf(net.stateDict())).not.toEqual(values)
  })

  const faulty = () => {
    const state = new Net(1).stateDict()
    state.delete('scale')
    state.set('fc.bias', tensor([1, 2, 3]))
    state.set('head.weight', tensor([1]))
    return state
  }

  test('that does not fit is refused whole, naming every entry', async () => {
    const net = new Net(2)
    const before = await valuesOf(net.stateDict())
    expect(() => net.loadStateDict(faulty())).toThrow(
      'loadStateDict: the entries do not fit the model, got missing scale; unexpected head.weight; misshapen fc.bias [3] for [2]. Load the state of the same model, or pass { strict: false } to load what fits.',
    )
    expect(await valuesOf(net.stateDict())).toEqual(before)
  })

  test('that does not fit is loaded where it does, on demand', async () => {
    const net = new Net(2)
    expect(net.loadStateDict(faulty(), { strict: false })).toEqual({
      missing: ['scale'],
      unexpected: ['head.weight'],
      misshapen: [{ name: 'fc.bias', got: '[3]', wanted: '[2]' }],
    })
    const [got, wanted] = [await valuesOf(net.stateDict()), await valuesOf(new Net(1).stateDict())]
    expect(got['layer.conv1.weight']).toEqual(wanted['layer.conv1.weight'])
    expect(got['fc.bias']).not.toEqual(wanted['fc.bias'])
  })

  test('of PyTorch may count batches', () => {
    const state = new Net(1).stateDict()
    state.set('layer.bn1.num_batches_tracked', tensor([7]))
    expect(new Net(2).loadStateDict(state).unexpected).toEqual([])
  })

  test('of another model is refused', () => {
    expect(() => new Student({ seed: 1 }).loadStateDict(new Teacher({ seed: 1 }).stateDict())).toThrow(
      /unexpected hidden\.weight, hidden\.bias; misshapen conv1\.weight \[8, 1, 3, 3\] for \[4, 1, 3, 3\]/,
    )
  })
})

test('the mode reaches every module below', () => {
  const net = new Net()
  const modes = () => [...net.namedModules().values()].map((m) => m.training)
  expect(modes()).toEqual([true, true, true, true, true])
  expect(net.eval()).toBe(net)
  expect(modes()).toEqual([false, false, false, false, false])
  expect(net.train().training).toBe(true)
})

test('a module in a field that nobody registered is refused, not left untrained', () => {
  class Forgetful extends Module {
    readonly fc = new Linear(3, 2, { random: new Random(0) })
  }
  expect(() => new Forgetful().parameters()).toThrow(
    "Module: Forgetful holds a module that is not registered, got Linear in the field fc. Write this.child('fc', ...) around it.",
  )
  class Listed extends Module {
    readonly blocks = [new BatchNorm2d(2)]
  }
  expect(() => new Listed().eval()).toThrow('got BatchNorm2d in the field blocks')
})
