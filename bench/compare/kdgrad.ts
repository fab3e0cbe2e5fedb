import { createRequire } from 'node:module'
import { device } from 'kdgrad'
import type { AnyTensor } from '../../src/tensor.ts'
import { tasks } from '../tasks.ts'
import { serve } from './serve.ts'

// kdgrad's own process: `kdgrad.ts <device>`.

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string }
const { name, description } = await device(process.argv[2]!)

await serve<AnyTensor>({
  version: `kdgrad ${version}, ${name}: ${description}`,
  compute: (task, inputs, params) => ({ run: tasks[task](inputs, params) }),
  sizeOf: (result) => result.size,
  read: (result) => result.data(),
  free: () => {},
})
// gpu.js's workers would keep the process alive.
process.exit(0)
