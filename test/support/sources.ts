import { fileURLToPath } from 'node:url'

const src = (path: string) => fileURLToPath(new URL(`../../src/${path}`, import.meta.url))

/** What users import, from the sources: for the configurations of Vite and Vitest. A browser has no files to read. */
export const sources = ({ browser }: { readonly browser: boolean }) => [
  { find: /^kdgrad$/, replacement: src('index.ts') },
  { find: /^kdgrad\/losses$/, replacement: src('losses/index.ts') },
  { find: /^kdgrad\/models$/, replacement: src('nn/models/index.ts') },
  { find: /^kdgrad\/nn$/, replacement: src('nn/index.ts') },
  { find: /^kdgrad\/optim$/, replacement: src('optim/index.ts') },
  { find: /^kdgrad\/data$/, replacement: src(browser ? 'data/browser.ts' : 'data/index.ts') },
  { find: /^kdgrad\/train$/, replacement: src('train/index.ts') },
  { find: /^kdgrad\/testing$/, replacement: src('check/index.ts') },
]
