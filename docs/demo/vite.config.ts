import { defineConfig } from 'vite'
import { ISOLATED, PAGE } from '../../test/browser/serve.ts'

// Served with these headers, the device cpu has threads.
export default defineConfig({ ...PAGE, server: { headers: ISOLATED }, preview: { headers: ISOLATED } })
