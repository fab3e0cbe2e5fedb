/** What code may rely on, and where its constants go. */
export interface Target {
  /** Relaxed-SIMD fused multiply-add is there. */
  readonly fma: boolean
  /** The address of 16 constant bytes; equal ones share it. */
  constant(bytes: Uint8Array): number
}

/** Bytes of WebAssembly in a buffer that grows. */
export class Emitter {
  readonly target: Target
  #bytes = new Uint8Array(256)
  #length = 0

  constructor(target: Target) {
    this.target = target
  }

  get length(): number {
    return this.#length
  }

  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1)
    this.#bytes[this.#length++] = value
  }

  /** Unsigned LEB128, below 2^32. */
  unsigned(value: number): void {
    let rest = value
    while (rest >= 128) {
      this.byte((rest & 127) | 128)
      rest = Math.floor(rest / 128)
    }
    this.byte(rest)
  }

  /** Signed LEB128 of a 32-bit integer. */
  signed(value: number): void {
    let rest = value | 0
    while (rest < -64 || rest > 63) {
      this.byte((rest & 127) | 128)
      rest >>= 7
    }
    this.byte(rest & 127)
  }

  bytes(values: ArrayLike<number>): void {
    if (this.#length + values.length > this.#bytes.length) this.#grow(values.length)
    this.#bytes.set(values, this.#length)
    this.#length += values.length
  }

  /** Length-prefixed text. */
  name(text: string): void {
    const encoded = new TextEncoder().encode(text)
    this.unsigned(encoded.length)
    this.bytes(encoded)
  }

  /** What `write` appends, preceded by its length. */
  sized(write: (to: Emitter) => void): void {
    const inner = new Emitter(this.target)
    write(inner)
    this.unsigned(inner.#length)
    this.bytes(inner.done())
  }

  done(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  #grow(more: number): void {
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + more))
    larger.set(this.done())
    this.#bytes = larger
  }
}
