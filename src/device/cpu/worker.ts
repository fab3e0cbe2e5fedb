import type * as WorkerThreads from 'node:worker_threads'
import { WORKER_SOURCE, type WorkerData } from './worker-source.ts'

/** A running worker. */
export interface RunningWorker {
  terminate(): Promise<void>
}

/**
 * Starts a worker, in Node or a browser; it never keeps a process alive. `died` is told why when it ends by itself,
 * which takes a turn of the event loop.
 */
export function startWorker(data: WorkerData, died: (reason: string) => void): RunningWorker {
  const threads = globalThis.process?.getBuiltinModule?.('node:worker_threads')
  return threads ? inNode(threads, data, died) : inBrowser(data, died)
}

function inNode(
  { Worker }: typeof WorkerThreads,
  data: WorkerData,
  died: (reason: string) => void,
): RunningWorker {
  // Without the loaders and preloads of the process, which a worker has no use for: they take longer than its start.
  const worker = new Worker(WORKER_SOURCE, { eval: true, workerData: data, execArgv: [], env: {} })
  worker.on('error', (error) => died(error.message))
  worker.on('exit', (code) => died(`it ended with code ${code}`))
  worker.unref()
  return {
    terminate: async () => {
      await worker.terminate()
    },
  }
}

function inBrowser(data: WorkerData, died: (reason: string) => void): RunningWorker {
  const url = URL.createObjectURL(new Blob([WORKER_SOURCE], { type: 'text/javascript' }))
  const worker = new Worker(url)
  worker.addEventListener('error', ({ message }) => died(message || 'the page forbids it'))
  worker.postMessage(data)
  return {
    terminate: async () => {
      worker.terminate()
      URL.revokeObjectURL(url)
    },
  }
}
