import fc from 'fast-check'
import { type Op, registry } from '../src/graph/define.ts'
import { topological } from '../src/graph/walk.ts'
import { ones, type Tensor } from '../src/tensor.ts'
import { gradientsHold } from './support/gradient-property.ts'
import { casesOf } from './support/samples.ts'
import '../src/index.ts'

// Plants an error in every single gradient, one at a time, and runs the same property as test/gradients.test.ts: each
// must be caught. `npm run mutate` lists what survives and exits with 1 if anything does.

type Vjp = NonNullable<Op['vjp']>
type Gradients = ReturnType<Vjp>

const each = (gradients: Gradients, change: (g: Tensor) => Tensor, input: number): Gradients =>
  gradients.map((g, i) => (g && i === input ? change(g) : g))

/** The classic mistakes, planted in the gradient of one input. */
const MISTAKES: Readonly<Record<string, (vjp: Vjp, input: number) => Vjp>> = {
  'a wrong sign': (vjp, input) => (g, xs, y, p) => each(vjp(g, xs, y, p), (d) => d.neg(), input),
  'a missing factor': (vjp, input) => (g, xs, y, p) => each(vjp(g, xs, y, p), (d) => d.mul(0.5), input),
  'an ignored upstream gradient': (vjp, input) => (g, xs, y, p) => {
    const blind = vjp(ones(g.shape), xs, y, p)
    return vjp(g, xs, y, p).map((d, i) => (i === input ? (blind[i] ?? d) : d))
  },
}

/** The operations that words of the registry are made of, each with the first word that uses it. */
async function operations(): Promise<Map<Op, string>> {
  const found = new Map<Op, string>()
  for (const entry of registry.values()) {
    if (!entry.differentiable) continue
    for (const c of fc.sample(casesOf(entry), { numRuns: 5, seed: 1 }))
      for (const node of topological([entry.apply(c.inputs, c.params)]))
        if (node.op?.vjp && (!found.has(node.op) || node.op.name === entry.name))
          found.set(node.op, entry.name)
  }
  return found
}

/** Whether the gradient check of `word` fails, as it should. */
async function caught(word: string): Promise<boolean> {
  try {
    await gradientsHold(registry.get(word)!, 1, { numRuns: 10, seed: 1, endOnFailure: true })
    return false
  } catch {
    return true
  }
}

let [tried, survived] = [0, 0]
for (const [op, word] of await operations()) {
  const right = op.vjp!
  if (await caught(word)) throw new Error(`the gradient of ${word} fails before anything is planted`)
  for (const input of differentiated(op, word))
    for (const [mistake, plant] of Object.entries(MISTAKES)) {
      ;(op as { vjp: Vjp }).vjp = plant(right, input)
      const found = await caught(word)
      ;(op as { vjp: Vjp }).vjp = right
      tried++
      if (!found) {
        survived++
        console.log(`SURVIVED: ${mistake} in the gradient of ${op.name} for input ${input}`)
      }
    }
}
console.log(`${tried} errors planted, ${tried - survived} caught, ${survived} survived`)
process.exitCode = survived === 0 ? 0 : 1

/** The inputs of an operation that get a gradient, found on its first case. */
function differentiated(op: Op, word: string): number[] {
  const entry = registry.get(word)!
  for (const c of fc.sample(casesOf(entry), { numRuns: 5, seed: 1 }))
    for (const node of topological([entry.apply(c.inputs, c.params)]))
      if (node.op === op)
        return op.vjp!(ones(node.shape), node.inputs, node as Tensor, node.params).flatMap((g, i) =>
          g ? [i] : [],
        )
  return []
}
