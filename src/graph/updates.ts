import type { AnyTensor, Tensor } from '../tensor.ts'

/** A leaf and the graph of the values that it takes when a step is done. */
export type Assignment = readonly [target: Tensor, value: Tensor]

/** How a leaf outside the gradient (a running statistic) moves when a step uses a node. */
export interface Update {
  readonly target: Tensor
  /** Its value after the step, as graph, from the one before. */
  readonly next: (before: Tensor) => Tensor
}

interface Attached {
  /** Updates of one target are applied in the order in which they were attached. */
  readonly turn: number
  readonly updates: readonly Update[]
}

const attached = new WeakMap<AnyTensor, Attached>()
let turns = 0

/** Makes `updates` part of every step whose loss is computed from `node`; a graph that is never stepped on leaves no trace. */
export function attachUpdates(node: AnyTensor, updates: readonly Update[]): void {
  attached.set(node, { turn: turns++, updates })
}

/** What the updates attached to these nodes come to: one assignment per target, several uses in a step chained. */
export function updatesOf(nodes: readonly AnyTensor[]): Assignment[] {
  const found = nodes.flatMap((node) => attached.get(node) ?? []).sort((a, b) => a.turn - b.turn)
  const after = new Map<Tensor, Tensor>()
  for (const { updates } of found)
    for (const { target, next } of updates) after.set(target, next(after.get(target) ?? target))
  return [...after]
}

/** Forgets the updates of nodes that a step has used: each is applied once, however long its node lives on. */
export function settle(nodes: readonly AnyTensor[]): void {
  for (const node of nodes) attached.delete(node)
}
