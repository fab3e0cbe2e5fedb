import { ShapeError, showAll, ValueError } from '../errors.ts'
import { type Draw, declareComposed, type Sample } from '../graph/define.ts'
import { type Shape, sizeOf } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { matmul } from './matmul.ts'

/** A tensor and what its dims are called. */
interface Labelled {
  readonly x: Tensor
  readonly labels: readonly string[]
}

const ELLIPSIS = '...'

/**
 * Sums of products over named dims, as `torch.einsum`: 'bij,bjk->bik' is a batched matrix product. Letters that are not
 * behind the arrow are summed over; a letter twice in one operand takes the diagonal; '...' stands for any further dims,
 * which broadcast. Without an arrow the result has the ellipsis and the letters that occur once, in alphabetical order.
 * Operands are contracted from left to right, each pair by one matrix product.
 *
 * @throws ValueError where the equation cannot be read. @throws ShapeError where the operands do not fit it.
 */
export function einsum(equation: string, ...operands: readonly Tensor[]): Tensor {
  const { inputs, output } = parsed(equation)
  const shapes = operands.map((x) => x.shape)
  if (operands.length !== inputs.length)
    throw new ShapeError(
      `einsum: '${equation}' takes ${inputs.length} operand${inputs.length === 1 ? '' : 's'}, got ${operands.length === 0 ? 'none' : showAll(shapes)}. Give one tensor per part before the arrow.`,
    )
  const hidden = operands.map((x, i) => hiddenDims(equation, inputs[i]!, x.shape))
  const named = operands.map((x, i): Labelled => ({ x, labels: spelledOut(inputs[i]!, hidden[i]!) }))
  const sizes = sizesOf(equation, named)
  return contracted(
    named.map((operand) => diagonal(stretched(operand, sizes))),
    spelledOut(output ?? impliedOutput(inputs), Math.max(...hidden)),
  )
}

/** The labels of each operand and of the result (null where the equation has no arrow), ellipsis included. */
function parsed(equation: string): { inputs: string[][]; output: string[] | null } {
  const refuse = (what: string, fix: string) => new ValueError(`einsum: ${what}, got '${equation}'. ${fix}`)
  const [left, right, ...more] = equation.replaceAll(' ', '').split('->')
  const parts = [...left!.split(','), ...(right === undefined ? [] : [right])]
  if (more.length > 0 || parts.some((part) => !/^[a-zA-Z]*(\.\.\.)?[a-zA-Z]*$/.test(part)))
    throw refuse(
      'the equation cannot be read',
      "Write letters, '...', commas and one arrow, like 'ij,jk->ik'.",
    )
  const labelled = parts.map((part): string[] => part.match(/\.\.\.|[a-zA-Z]/g) ?? [])
  if (right === undefined) return { inputs: labelled, output: null }
  const inputs = labelled.slice(0, -1)
  const output = labelled.at(-1)!
  const twice = output.find((label, d) => output.indexOf(label) !== d)
  if (twice) throw refuse(`'${twice}' stands twice behind the arrow`, 'Name each dim of the result once.')
  const unknown = output.find((label) => label !== ELLIPSIS && !inputs.flat().includes(label))
  if (unknown)
    throw refuse(`'${unknown}' stands only behind the arrow`, 'Use letters that an operand has too.')
  return { inputs, output }
}

function impliedOutput(inputs: readonly (readonly string[])[]): string[] {
  const letters = inputs.flat().filter((label) => label !== ELLIPSIS)
  return [ELLIPSIS, ...letters.filter((a) => letters.filter((b) => a === b).length === 1).sort()]
}

/** How many dims an operand has under its ellipsis. */
function hiddenDims(equation: string, labels: readonly string[], shape: Shape): number {
  const hidden = shape.length - labels.filter((label) => label !== ELLIPSIS).length
  if (labels.includes(ELLIPSIS) ? hidden < 0 : hidden !== 0)
    throw new ShapeError(
      `einsum: '${labels.join('')}' in '${equation}' does not fit its operand, got ${showAll([shape])}. Write one letter per dim, or '...' for several.`,
    )
  return hidden
}

/** Dims under the ellipsis are numbered from the last one, so that they align from the right. */
const spelledOut = (labels: readonly string[], hidden: number): string[] =>
  labels.flatMap((label) =>
    label === ELLIPSIS ? Array.from({ length: hidden }, (_, d) => String(hidden - 1 - d)) : [label],
  )

function sizesOf(equation: string, operands: readonly Labelled[]): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>()
  for (const { x, labels } of operands)
    for (const [d, label] of labels.entries()) {
      const [n, known = 1] = [x.shape[d]!, sizes.get(label)]
      if (n !== 1 && known !== 1 && n !== known)
        throw new ShapeError(
          `einsum: ${/\d/.test(label) ? "a dim of '...'" : `'${label}'`} in '${equation}' has the sizes ${known} and ${n}, got ${showAll(operands.map((o) => o.x.shape))}. Dims of one name must be of one size, or 1.`,
        )
      sizes.set(label, n === 1 ? known : n)
    }
  return sizes
}

/** Dims of size 1 broadcast to the size that their name has elsewhere. */
const stretched = ({ x, labels }: Labelled, sizes: ReadonlyMap<string, number>): Labelled => ({
  x: x.expand(labels.map((label) => sizes.get(label)!)),
  labels,
})

/** A name that stands twice becomes one dim: every (n + 1)-th element of the two laid end to end. */
function diagonal({ x, labels }: Labelled): Labelled {
  const second = labels.findIndex((label, d) => labels.indexOf(label) !== d)
  if (second < 0) return { x, labels }
  const first = labels.indexOf(labels[second]!)
  const others = labels.map((_, d) => d).filter((d) => d !== first && d !== second)
  const n = x.shape[first]!
  const laid = x.permute([...others, first, second]).reshape([...others.map((d) => x.shape[d]!), n * n])
  return diagonal({
    x: laid.slice([...others.map(() => null), [0, n * n, n + 1]]),
    labels: [...others.map((d) => labels[d]!), labels[first]!],
  })
}

/** Contracts from left to right, then brings the dims in the order of the result. */
function contracted([first, ...rest]: readonly Labelled[], output: readonly string[]): Tensor {
  const [next, ...others] = rest
  if (!next) {
    const { x, labels } = summed(first!, output)
    return x.permute(output.map((label) => labels.indexOf(label)))
  }
  const needed = [...output, ...others.flatMap(({ labels }) => labels)]
  return contracted([product(first!, next, needed), ...others], output)
}

/** Sums over the dims that nothing else needs. */
function summed({ x, labels }: Labelled, needed: readonly string[]): Labelled {
  const idle = labels.flatMap((label, d) => (needed.includes(label) ? [] : [d]))
  if (idle.length === 0) return { x, labels }
  return { x: x.sum(idle), labels: labels.filter((label) => needed.includes(label)) }
}

/** Two operands as one: names of both that are needed become batch dims, those that are not the inner dim. */
function product(left: Labelled, right: Labelled, needed: readonly string[]): Labelled {
  const a = summed(left, [...needed, ...right.labels])
  const b = summed(right, [...needed, ...left.labels])
  const shared = a.labels.filter((label) => b.labels.includes(label))
  const batch = shared.filter((label) => needed.includes(label))
  const inner = shared.filter((label) => !needed.includes(label))
  const rows = a.labels.filter((label) => !shared.includes(label))
  const cols = b.labels.filter((label) => !shared.includes(label))
  const sizes = ({ x, labels }: Labelled, names: readonly string[]) =>
    names.map((label) => x.shape[labels.indexOf(label)]!)
  const matrix = (t: Labelled, from: readonly string[], to: readonly string[]) =>
    t.x
      .permute([...batch, ...from, ...to].map((label) => t.labels.indexOf(label)))
      .reshape([...sizes(t, batch), sizeOf(sizes(t, from)), sizeOf(sizes(t, to))])
  const y = matmul(matrix(a, rows, inner), matrix(b, inner, cols))
  return {
    x: y.reshape([...sizes(a, batch), ...sizes(a, rows), ...sizes(b, cols)]),
    labels: [...batch, ...rows, ...cols],
  }
}

declareComposed(
  'einsum',
  (draw: Draw): Sample => {
    const [i, j, k] = [draw.size(5), draw.size(5), draw.size(5)]
    return draw.pick<Sample>([
      { inputs: [{ shape: [i, j] }, { shape: [j, k] }], params: { equation: 'ij,jk->ki' } },
      { inputs: [{ shape: [i, j, k] }, { shape: [i, 1, k] }], params: { equation: '...k,...k->...' } },
      { inputs: [{ shape: [i, i, k] }], params: { equation: 'iik->ki' } },
      {
        inputs: [{ shape: [i, j] }, { shape: [k] }, { shape: [j, k] }],
        params: { equation: 'ij,k,jk->ik' },
      },
    ])
  },
  (xs, { equation }) => einsum(equation as string, ...xs),
)
