import type { AnyTensor } from '../tensor.ts'

/**
 * The nodes that `roots` depend on, inputs before users, without recursion (a chain of 20,000 nodes must not overflow
 * the stack). `enter` says whether to go on into a node's inputs. Each node's `place`
 * is its place in the order, until the next walk.
 */
export function topological(
  roots: readonly AnyTensor[],
  enter: (node: AnyTensor) => boolean = () => true,
): AnyTensor[] {
  const order: AnyTensor[] = []
  const walk = ++walks
  // Two stacks side by side: a node, and which of its inputs comes next.
  const nodes: AnyTensor[] = []
  const nexts: number[] = []
  for (const root of roots) {
    if (root.walk === walk) continue
    root.walk = walk
    nodes.push(root)
    nexts.push(enter(root) ? 0 : root.inputs.length)
    while (nodes.length > 0) {
      const top = nodes.length - 1
      const node = nodes[top]!
      const next = nexts[top]!
      if (next === node.inputs.length) {
        node.place = order.push(node) - 1
        nodes.pop()
        nexts.pop()
        continue
      }
      nexts[top] = next + 1
      const input = node.inputs[next]!
      if (input.walk === walk) continue
      input.walk = walk
      nodes.push(input)
      nexts.push(enter(input) ? 0 : input.inputs.length)
    }
  }
  return order
}

let walks = 0
