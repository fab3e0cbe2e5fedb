// Tensors.
export { type DType, full, type Nested, ones, Tensor, tensor, zeros } from './tensor.ts'

import './ops/methods.ts'

// Devices.
export { device } from './device/current.ts'

// Derivatives and values.
export { grad, vjp } from './graph/grad.ts'
export { realize } from './graph/values.ts'
// Operations, each also a method where its first argument is a tensor.
export * from './ops/index.ts'
