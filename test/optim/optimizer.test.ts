import { describe, expect, test, vi } from 'vitest'
import { currentDevice } from '../../src/device/current.ts'
import { crossEntropy, ones, type Tensor, tensor, zeros } from '../../src/index.ts'
import { Student } from '../../src/nn/models/index.ts'
import { Adagrad, Adam, AdamW, type Optimizer, RMSprop, SGD } from '../../src/optim/index.ts'
import { Random } from '../../src/random.ts'

const batch = (seed: number, n = 4) => ({
  images: tensor(new Random(seed).normals(n * 64), [n, 1, 8, 8]),
  labels: tensor(Int32Array.from({ length: n }, (_, i) => (i * 7 + seed) % 10)),
})
const make = (seed = 1) => new Student({ seed, size: 8, channels: [2, 3] })
const lossOf = (student: Student, seed: number) => {
  const { images, labels } = batch(seed)
  return crossEntropy(student.forward(images).logits, labels)
}
const valuesOf = async (state: ReadonlyMap<string, Tensor>) =>
  Promise.all([...state.values()].map(async (t) => Array.from(await t.data())))

const optimizers: [string, (parameters: readonly Tensor[]) => Optimizer][] = [
  ['SGD', (p) => new SGD(p, { lr: 0.05, momentum: 0.9, weightDecay: 5e-4 })],
  ['Adam', (p) => new Adam(p, { lr: 0.01 })],
  ['AdamW', (p) => new AdamW(p, { lr: 0.01, weightDecay: 0.1, amsgrad: true })],
  ['RMSprop', (p) => new RMSprop(p, { lr: 0.002, momentum: 0.9, centered: true })],
  ['Adagrad', (p) => new Adagrad(p, { lr: 0.05, lrDecay: 0.1, initialAccumulatorValue: 0.1 })],
]

describe.each(optimizers)('%s', (_, of) => {
  test('leaves no graph behind: after 200 steps every parameter, buffer and moment is a leaf', async () => {
    const student = make()
    const optimizer = of(student.parameters())
    for (let step = 0; step < 200; step++) await optimizer.step(lossOf(student, step % 3))
    const kept = [...student.namedParameters().values(), ...student.namedBuffers().values()]
    for (const t of [...kept, ...optimizer.state().tensors.values()]) {
      expect(t.op).toBe(null)
      expect(t.inputs).toEqual([])
    }
    expect(optimizer.steps).toBe(200)
  })

  test('goes on from a saved state bit for bit', async () => {
    const whole = make()
    const one = of(whole.parameters())
    for (let step = 0; step < 3; step++) await one.step(lossOf(whole, step))
    const [weights, state] = [whole.stateDict(), one.state()]
    for (let step = 3; step < 6; step++) await one.step(lossOf(whole, step))

    const resumed = make(2)
    const two = of(resumed.parameters())
    resumed.loadStateDict(weights)
    two.loadState(state)
    for (let step = 3; step < 6; step++) await two.step(lossOf(resumed, step))
    expect(await valuesOf(resumed.stateDict())).toEqual(await valuesOf(whole.stateDict()))
    expect(two.steps).toBe(6)
  })

  test('compiles its kernels once, whatever the rate', async () => {
    const student = make()
    const optimizer = of(student.parameters())
    const compile = vi.spyOn(await currentDevice(), 'compile')
    await optimizer.step(lossOf(student, 1))
    await optimizer.step(lossOf(student, 2))
    compile.mockClear()
    optimizer.lr = 0.02
    await optimizer.step(lossOf(student, 3))
    expect(compile).not.toHaveBeenCalled()
    compile.mockRestore()
  })

  test('has the loss and what else was named from before the step', async () => {
    const student = make()
    const { images, labels } = batch(1)
    const { logits } = student.forward(images)
    const before = Array.from(await student.forward(images).logits.data())
    const loss = crossEntropy(logits, labels)
    await of(student.parameters()).step(loss, logits)
    expect(Array.from(await logits.data())).toEqual(before)
    expect(await loss.item()).toBeCloseTo(await crossEntropy(tensor(before, [4, 10]), labels).item(), 5)
    expect(Array.from(await student.forward(images).logits.data())).not.toEqual(before)
  })

  test('refuses what makes no sense', async () => {
    const student = make()
    const name = of(student.parameters()).constructor.name
    const p = ones([2])
    expect(() => of([])).toThrow(
      `${name}: there is nothing to train, got no parameters. Give model.parameters().`,
    )
    expect(() => of([p, zeros([3]), p])).toThrow(
      `${name}: a parameter is listed twice, got tensor([1, 1], [2]) at indices 0 and 2. List each once.`,
    )
    expect(() => of([p.mul(2)])).toThrow(
      `${name}: parameters must be float leaves, got mul[2] at index 0. Give model.parameters().`,
    )
    const optimizer = of([p])
    for (const lr of [-1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => {
        optimizer.lr = lr
      }).toThrow(`${name}: lr must be a finite number of at least 0, got ${lr}. Choose another.`)
    await expect(optimizer.step(p.mul(2))).rejects.toThrow(
      `${name}: the loss must be a scalar, got [2]. Reduce it first, for example loss.mean().`,
    )
    await expect(optimizer.step(ones([2]).sum())).rejects.toThrow(
      `${name}: the loss depends on none of the parameters, got reshape[]. Compute it from the model that is trained.`,
    )
    await expect(optimizer.stepWith([ones([3])])).rejects.toThrow(
      `${name}: the gradients do not fit the parameters, got [3] for [2]. Give one per parameter, in order.`,
    )
    await expect(optimizer.stepWith([])).rejects.toThrow(`${name}: the gradients do not fit the parameters`)
  })

  test('refuses a loss that was stepped on before, and a step before the last is done', async () => {
    const student = make()
    const optimizer = of(student.parameters())
    const name = optimizer.constructor.name
    const loss = lossOf(student, 1)
    const first = optimizer.step(loss)
    await expect(optimizer.step(lossOf(student, 2))).rejects.toThrow(
      `${name}: a step is still running, got another. Await each step.`,
    )
    await first
    await expect(optimizer.step(loss)).rejects.toThrow(
      `${name}: this loss was stepped on before, got div[] again. Run forward anew; give all parameters to one optimizer.`,
    )
    expect(optimizer.steps).toBe(1)
  })

  test('a step that fails changes nothing', async () => {
    const student = make()
    const optimizer = of(student.parameters())
    await optimizer.step(lossOf(student, 1))
    const before = [await valuesOf(student.stateDict()), await valuesOf(optimizer.state().tensors)]
    const on = await currentDevice()
    const compile = vi.spyOn(on, 'compile').mockImplementation(() => () => {
      throw new Error('lost')
    })
    const { images, labels } = batch(5, 3)
    await expect(optimizer.step(crossEntropy(student.forward(images).logits, labels))).rejects.toThrow('lost')
    compile.mockRestore()
    expect([await valuesOf(student.stateDict()), await valuesOf(optimizer.state().tensors)]).toEqual(before)
    expect(optimizer.steps).toBe(1)
  })
})

describe('a state of another kind is refused', () => {
  test('other tensors', () => {
    const sgd = new SGD([ones([2])], { lr: 0.1, momentum: 0.9 })
    const adam = new Adam([ones([2])])
    expect(() => adam.loadState(sgd.state())).toThrow(
      'Adam: the state is another optimizer’s, got 0 steps; missing or misshapen 0.exp_avg, 0.exp_avg_sq; unexpected 0.momentum_buffer. Load what state() gave for the same parameters and settings.'.replace(
        '’',
        "'",
      ),
    )
  })

  test('other shapes', () => {
    const momentum = { lr: 0.1, momentum: 0.9 }
    const state = new SGD([ones([2])], momentum).state()
    expect(() => new SGD([ones([3])], momentum).loadState(state)).toThrow(/misshapen 0\.momentum_buffer/)
  })
})

const finite = (setting: string, range: string, got: number) =>
  `${setting} must be a finite number of ${range}, got ${got}. Choose another.`

test.each<[new (p: readonly Tensor[], options: never) => Optimizer, object, string]>([
  [SGD, { momentum: -1 }, finite('SGD: momentum', 'at least 0 and below 1', -1)],
  [
    SGD,
    { nesterov: true },
    'SGD: nesterov needs momentum and no dampening, got momentum 0 and dampening 0. Change them, or drop nesterov.',
  ],
  [Adam, { betas: [0.9, 1] }, finite('Adam: betas[1]', 'at least 0 and below 1', 1)],
  [AdamW, { betas: [-0.1, 0.9] }, finite('AdamW: betas[0]', 'at least 0 and below 1', -0.1)],
  [AdamW, { weightDecay: -1 }, finite('AdamW: weightDecay', 'at least 0', -1)],
  [AdamW, { eps: Number.NaN }, finite('AdamW: eps', 'at least 0', Number.NaN)],
  [RMSprop, { alpha: 1 }, finite('RMSprop: alpha', 'at least 0 and below 1', 1)],
  [RMSprop, { eps: -1 }, finite('RMSprop: eps', 'at least 0', -1)],
  [RMSprop, { weightDecay: Infinity }, finite('RMSprop: weightDecay', 'at least 0', Infinity)],
  [RMSprop, { momentum: 1 }, finite('RMSprop: momentum', 'at least 0 and below 1', 1)],
  [Adagrad, { lrDecay: -1 }, finite('Adagrad: lrDecay', 'at least 0', -1)],
  [Adagrad, { initialAccumulatorValue: -1 }, finite('Adagrad: initialAccumulatorValue', 'at least 0', -1)],
])('%o refuses %o', (Kind, options, message) => {
  expect(() => new Kind([ones([1])], { lr: 0.1, ...options } as never)).toThrow(message)
})

describe('momentum', () => {
  test.each<[Optimizer, number]>([
    [new SGD([ones([1])], { lr: 0.1, momentum: 0.9 }), 0.9],
    [new RMSprop([ones([1])], { momentum: 0.5 }), 0.5],
    [new Adam([ones([1])]), 0.9],
    [new AdamW([ones([1])], { betas: [0.8, 0.9] }), 0.8],
  ])('%o has it and takes another', (optimizer, made) => {
    expect(optimizer.momentum).toBe(made)
    optimizer.momentum = 0
    expect(optimizer.momentum).toBe(0)
    expect(() => {
      optimizer.momentum = 1
    }).toThrow(finite(`${optimizer.constructor.name}: momentum`, 'at least 0 and below 1', 1))
  })

  test.each([new SGD([ones([1])], { lr: 0.1 }), new RMSprop([ones([1])]), new Adagrad([ones([1])])])(
    '%o has none and takes none',
    (optimizer) => {
      expect(optimizer.momentum).toBe(0)
      expect(() => {
        optimizer.momentum = 0.9
      }).toThrow(
        `${optimizer.constructor.name}: it was made without momentum, got 0.9 for it. Make it with some.`,
      )
    },
  )

  test('counts from the step after it was set', async () => {
    const p = tensor([1])
    const sgd = new SGD([p], { lr: 1, momentum: 0.5 })
    await sgd.stepWith([ones([1])]) // velocity 1
    sgd.momentum = 0.25
    await sgd.stepWith([ones([1])]) // velocity 1.25
    expect(Array.from(await p.data())).toEqual([-1.25])
  })
})
