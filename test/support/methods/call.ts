import { updatesOf } from '../../../src/graph/updates.ts'
import { topological } from '../../../src/graph/walk.ts'
import type { AnyBatch, Labels, Prepared, Side } from '../../../src/losses/index.ts'
import type { Module } from '../../../src/nn/module.ts'
import { type AnyTensor, type Tensor, zeros } from '../../../src/tensor.ts'
import type { Outputs } from '../fixture-ops.ts'

export type Inputs = Readonly<Record<string, AnyTensor>>
export type Params = Readonly<Record<string, unknown>>

/** What the library makes of a method's case. */
export interface MethodResult {
  readonly outputs: Outputs
  /** The scalar whose gradient the case gives. Default: the output `loss`. */
  readonly scalar?: Tensor
  /** Trained parameters, under the names that the case gives them, in place of its leaves. */
  readonly parameters?: Readonly<Record<string, Tensor>>
}

/** The library's call for a method. */
export type MethodCall = (inputs: Inputs, params: Params) => MethodResult

/** The calls of a family of methods; the key is the case's `method`. */
export type MethodCalls = Readonly<Record<string, MethodCall>>

/** An input that is a float tensor. */
export const floats = (inputs: Inputs, name: string): Tensor => inputs[name] as Tensor

/** Inputs `s0`, `s1`, ... (or of another prefix) in order. */
export const series = (inputs: Inputs, prefix: string): Tensor[] =>
  Object.keys(inputs)
    .filter((name) => new RegExp(`^${prefix}\\d+$`).test(name))
    .sort((a, b) => Number(a.slice(prefix.length)) - Number(b.slice(prefix.length)))
    .map((name) => floats(inputs, name))

/** A batch of logits; the case calls the labels `target`. */
export const logitsBatch = (inputs: Inputs): { student: Side; teacher: Side; labels: Labels } => ({
  student: { logits: floats(inputs, 'student') },
  teacher: { logits: floats(inputs, 'teacher') },
  labels: inputs.target as Labels,
})

/** A side that has features under the names f0, f1, ... and logits that nobody looks at. */
export function sideOf(features: readonly Tensor[], kind: 'features' | 'preActivations' = 'features'): Side {
  const named = Object.fromEntries(features.map((x, i) => [`f${i}`, x]))
  return { logits: zeros([features[0]!.shape[0]!, 2]), [kind]: named }
}

/** A batch whose two sides have features only. */
export const featuresBatch = (
  student: readonly Tensor[],
  teacher: readonly Tensor[],
  kind: 'features' | 'preActivations' = 'features',
): AnyBatch & { readonly student: Side; readonly teacher: Side } => ({
  student: sideOf(student, kind),
  teacher: sideOf(teacher, kind),
})

/**
 * Gives the adapters of `prepared` the weights of the case: `names` says which entry of its state (`regressor.weight`)
 * has which name in the case. Entries that the case lacks keep their values. Returns the parameters under the names of
 * the case.
 */
export function loadInto(
  prepared: Prepared | Module,
  inputs: Inputs,
  names: Readonly<Record<string, string>>,
): Record<string, Tensor> {
  const module = 'own' in prepared ? (prepared as Prepared).own : (prepared as Module)
  const there = Object.entries(names).filter(([, name]) => inputs[name] !== undefined)
  module.loadStateDict(new Map(there.map(([key, name]) => [key, floats(inputs, name)])), { strict: false })
  const parameters = module.namedParameters()
  return Object.fromEntries(
    there.flatMap(([key, name]) => (parameters.has(key) ? [[name, parameters.get(key)!]] : [])),
  )
}

/** What a tensor of state (`bn.running_mean`, `memory`) is after a step on `loss`, as graph. */
export function stateAfter(prepared: Prepared | Module, loss: Tensor, key: string): Tensor {
  const module = 'own' in prepared ? (prepared as Prepared).own : (prepared as Module)
  const target = module.namedBuffers().get(key)
  if (!target)
    throw new Error(`there is no state ${key}, only ${[...module.namedBuffers().keys()].join(', ')}`)
  return updatesOf(topological([loss])).find(([t]) => t === target)?.[1] ?? target
}

/** What an adapter of `prepared` makes of a feature. */
export function applied(prepared: Prepared, adapter: string, x: AnyTensor | undefined): Tensor {
  const module = prepared.own.adapters[adapter] as unknown as { forward(x: Tensor): Tensor }
  return module.forward(x as Tensor)
}
