import { type AnyTensor, noParams } from '../../tensor.ts'
import { topological } from '../walk.ts'

/** The graph below `roots`, in the order in which it is planned. */
export interface Walk {
  readonly order: readonly AnyTensor[]
  readonly leaves: readonly AnyTensor[]
  /** Equal for graphs of equal structure: the cache key of the plan. */
  readonly key: string
}

const isLeaf = (node: AnyTensor) => node.op === null || node.storage !== null

export function walk(roots: readonly AnyTensor[]): Walk {
  const order = topological(roots, (node) => !isLeaf(node))
  const leaves: AnyTensor[] = []
  let key = ''
  for (const node of order) {
    if (isLeaf(node)) {
      leaves.push(node)
      key += node.constant ? 'c;' : `${node.shape.join(',')};`
      continue
    }
    key += node.op!.name
    for (const input of node.inputs) key += ` ${input.place}`
    key += node.params === noParams ? ';' : ` ${JSON.stringify(node.params)};`
  }
  for (const root of roots) key += `>${root.place}`
  return { order, leaves, key }
}
