// Tensors.
export { type DType, full, type Nested, ones, Tensor, tensor, zeros } from './tensor.ts'

import './ops/methods.ts'

// Derivatives and values.
export {
  type DirectionalCheck,
  type GradcheckOptions,
  type GradcheckReport,
  gradcheck,
} from './check/gradcheck.ts'
// Devices.
export { device } from './device/current.ts'
export type { DeviceOptions } from './device/open.ts'
export {
  customGradient,
  gradientReversal,
  hessian,
  jacobian,
  jvp,
  valueAndGrad,
} from './graph/derivatives.ts'
export { grad, hvp, vjp } from './graph/grad.ts'
export { onTrace, printTrace, type Trace, type TracedKernel, type TraceSink } from './graph/trace.ts'
export { realize } from './graph/values.ts'
// Operations, each also a method where its first argument is a tensor.
export * from './ops/index.ts'
export { detach as stopGradient } from './ops/index.ts'
