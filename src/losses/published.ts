// One line per loss: whatever stands here is in the registry, on the command line and in the tests.
export { ce } from './ce.ts'
export { dist } from './dist.ts'
export { dkd } from './dkd.ts'
export { kldiv } from './kldiv.ts'
