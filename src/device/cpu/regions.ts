/** Regions one after the other in memory that is laid out beforehand. */
export class Regions {
  /** Bytes of all regions so far. */
  bytes = 0
  readonly #rounded: (size: number) => number

  /** `rounded`: what a region of so many bytes takes up; whole cache lines where it is left out. */
  constructor(rounded = (size: number) => 64 * Math.ceil(size / 64)) {
    this.#rounded = rounded
  }

  /** The offset of the next region, of `size` bytes. */
  readonly take = (size: number): number => {
    const at = this.bytes
    this.bytes += this.#rounded(size)
    return at
  }
}
