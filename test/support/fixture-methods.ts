import type { Tensor } from '../../src/tensor.ts'
import type { Outputs } from './fixture-ops.ts'
import type { Case } from './fixtures.ts'
import type { Inputs, MethodCalls } from './methods/call.ts'
import { contrastMethods } from './methods/contrast.ts'
import { logitMethods } from './methods/logits.ts'
import { mapMethods } from './methods/maps.ts'
import { relationMethods } from './methods/relations.ts'

/** Outputs of a case as graph, the scalar whose gradient the case gives, and parameters that stand in for its leaves. */
export interface Built {
  readonly outputs: Outputs
  readonly scalar: Tensor
  readonly parameters?: Readonly<Record<string, Tensor>> | undefined
}

const methods: MethodCalls = {
  ...logitMethods,
  ...mapMethods,
  ...relationMethods,
  ...contrastMethods,
}

/** The outputs of a method's case, or null where the method is not mapped. */
export function buildMethod(c: Case, leaves: Inputs): Built | null {
  if (!Object.hasOwn(methods, c.method ?? '')) return null
  const { outputs, scalar, parameters } = methods[c.method!]!(leaves, c.params)
  return { outputs, scalar: scalar ?? (outputs.loss as Tensor), parameters }
}
