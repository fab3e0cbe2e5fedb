import { create, globals } from 'webgpu'

// WebGPU by Dawn, where libraries for browsers look for it; jax-js also asks which browser it is in.

const navigator = { gpu: create([]), userAgent: 'Node' }
Object.assign(globalThis, globals)
Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true })
