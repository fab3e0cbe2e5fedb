import type { AnyTensor } from '../tensor.ts'

/**
 * The nodes that `roots` depend on, inputs before users, without recursion (a chain of 20,000 nodes must not overflow
 * the stack). `enter` says whether to go on into a node's inputs.
 */
export function topological(
  roots: readonly AnyTensor[],
  enter: (node: AnyTensor) => boolean = () => true,
): AnyTensor[] {
  const order: AnyTensor[] = []
  const seen = new Set<AnyTensor>()
  const stack: { node: AnyTensor; next: number }[] = []
  const push = (node: AnyTensor) => {
    if (seen.has(node)) return
    seen.add(node)
    stack.push({ node, next: enter(node) ? 0 : node.inputs.length })
  }
  for (const root of roots) {
    push(root)
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!
      if (top.next < top.node.inputs.length) push(top.node.inputs[top.next++]!)
      else order.push(stack.pop()!.node)
    }
  }
  return order
}
