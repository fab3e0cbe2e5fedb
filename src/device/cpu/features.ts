/** What this engine offers beyond plain WebAssembly. */
export interface Features {
  readonly simd: boolean
  /** Relaxed SIMD: fused multiply-add. */
  readonly fma: boolean
  /** Memory that threads share. In browsers it needs a cross-origin isolated page. */
  readonly shared: boolean
}

const HEAD = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
// A function of no parameters that returns a v128, from code that leaves one.
const moduleOf = (code: readonly number[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.from([
    ...HEAD,
    ...[1, 5, 1, 0x60, 0, 1, 0x7b],
    ...[3, 2, 1, 0],
    ...[10, code.length + 4, 1, code.length + 2, 0, ...code, 0x0b],
  ])

const zero = [0x41, 0, 0xfd, 0x11]

/** Asks the engine, with modules of one function each. */
export function probeFeatures(): Features {
  return {
    simd: WebAssembly.validate(moduleOf(zero)),
    fma: WebAssembly.validate(moduleOf([...zero, ...zero, ...zero, 0xfd, 0x85, 0x02])),
    shared:
      typeof SharedArrayBuffer !== 'undefined' &&
      (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated !== false,
  }
}
