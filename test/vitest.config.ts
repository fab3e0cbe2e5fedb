import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const src = (path: string) => fileURLToPath(new URL(`../src/${path}`, import.meta.url))

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
    // What users import, from the sources.
    alias: [
      { find: /^kdgrad$/, replacement: src('index.ts') },
      { find: /^kdgrad\/losses$/, replacement: src('losses/index.ts') },
      { find: /^kdgrad\/models$/, replacement: src('nn/models/index.ts') },
      { find: /^kdgrad\/nn$/, replacement: src('nn/index.ts') },
      { find: /^kdgrad\/optim$/, replacement: src('optim/index.ts') },
      { find: /^kdgrad\/data$/, replacement: src('data/index.ts') },
      { find: /^kdgrad\/train$/, replacement: src('train/index.ts') },
      { find: /^kdgrad\/testing$/, replacement: src('check/index.ts') },
    ],
  },
})
