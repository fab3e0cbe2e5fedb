export { Adam, type AdamOptions } from './adam.ts'
export { Optimizer, type OptimizerState } from './optimizer.ts'
export { cosine } from './schedules.ts'
export { SGD, type SGDOptions } from './sgd.ts'
