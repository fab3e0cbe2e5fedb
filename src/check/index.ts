// For the tests of your own project; needs fast-check.
export { type LogitBatch, type LogitBatchOptions, logitBatch } from './batches.ts'
export { checkFinite, checkLoss, type LogitLoss } from './contract.ts'
export { type GradcheckOptions, type GradcheckReport, gradcheck } from './gradcheck.ts'
