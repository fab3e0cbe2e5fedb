import { defineConfig } from 'vite'
import { ISOLATED } from '../../test/browser/serve.ts'
import { sources } from '../../test/support/sources.ts'

// The page runs the library from its sources. Served with these headers, the device cpu has threads.
export default defineConfig({
  base: './',
  resolve: { alias: sources({ browser: true }) },
  server: { headers: ISOLATED },
  preview: { headers: ISOLATED },
  build: { outDir: 'dist', chunkSizeWarningLimit: 2000, target: 'es2022' },
})
