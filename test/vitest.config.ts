import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { sources } from './support/sources.ts'

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/setup.ts'],
    pool: 'forks',
    // Files share a process, and what it has loaded and compiled: a quarter of the time. setup.ts runs before each.
    isolate: false,
    maxWorkers: 2,
    testTimeout: 60_000,
    alias: sources({ browser: false }),
  },
})
