import { createRequire } from 'node:module'
import { device } from 'kdgrad'
import type { AnyTensor } from '../../src/tensor.ts'
import { collect } from '../memory.ts'
import { tasks } from '../tasks.ts'
import { type Engine, serve } from './serve.ts'

// kdgrad's own process: `kdgrad.ts <device>`.

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string }
const { name, description } = await device(process.argv[2]!)

/**
 * Of a device that only queues its work until something is read. What it made is released when its tensors are
 * collected, and V8 knows nothing of a GPU's memory: 350 results were seen to wait for it. Of matmul 4096 they would be
 * 22 GB.
 */
const queueing: Pick<Engine<AnyTensor>, 'wait' | 'tidy'> = {
  wait: (result) => result.slice(result.shape.map(() => [0, 1])).data(),
  tidy: collect,
}

await serve<AnyTensor>({
  version: `kdgrad ${version}, ${name}: ${description}`,
  compute: (task, inputs, params) => ({ run: tasks[task](inputs, params) }),
  sizeOf: (result) => result.size,
  read: (result) => result.data(),
  free: () => {},
  ...(name === 'webgpu' ? queueing : {}),
})
// gpu.js's workers would keep the process alive.
process.exit(0)
