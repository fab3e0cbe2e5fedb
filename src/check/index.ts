// For the tests of your own project; needs fast-check.
export { type LogitBatch, type LogitBatchOptions, logitBatch } from './batches.ts'
export { type CheckedLoss, type CheckOptions, checkFinite, checkLoss } from './contract.ts'
export { type DistillBatch, type DistillBatchOptions, distillBatch } from './distill-batches.ts'
export { type GradcheckOptions, type GradcheckReport, gradcheck } from './gradcheck.ts'
