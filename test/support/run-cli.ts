import { vi } from 'vitest'
import { run } from '../../src/cli/run.ts'

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs `kdgrad` in this process. */
export async function kdgrad(args: readonly string[]): Promise<Ended> {
  let [out, err] = ['', '']
  const spies = [
    vi.spyOn(console, 'log').mockImplementation((text) => {
      out += `${text}\n`
    }),
    vi.spyOn(console, 'error').mockImplementation((text) => {
      err += `${text}\n`
    }),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      err += text
      return true
    }),
  ]
  try {
    const code = await run(args)
    return { code, out, err }
  } finally {
    for (const spy of spies) spy.mockRestore()
    process.exitCode = undefined
  }
}
