/** What a heap lies in. */
export interface Space {
  /** Where it ends by now. */
  end(): number
  /** Makes it reach `end`, or throws: so that a block of `size` fits. */
  grow(end: number, size: number): void
}

/**
 * Addresses from here on are negative as 32-bit integers: no block reaches up to here, so that the addresses in a block,
 * and its end, come in order.
 */
const WALL = 2 ** 31

/** Free addresses that no size class owns. */
interface Gap {
  at: number
  size: number
}

/**
 * Blocks in size classes. A freed block serves the next allocation of its class, the last freed one, still in the cache,
 * first. Where sizes have changed and free blocks of other classes lie about, they are merged with their neighbours and
 * cut anew before the space grows.
 */
export class Heap {
  /** Bytes handed out and not freed. */
  used = 0
  readonly #start: number
  readonly #space: Space
  #top: number
  /** Addresses of free blocks, by class. */
  #free = noBlocks()
  /** Bytes in `#free`. */
  #idle = 0
  /** By address. */
  #gaps: Gap[] = []

  constructor(start: number, space: Space) {
    this.#start = start
    this.#space = space
    this.#top = start
  }

  /** The address of a block of at least `bytes`, on a multiple of 64. Throws what `Space.grow` throws. */
  allocate(bytes: number): number {
    const number = classOf(bytes)
    const size = SIZES[number]!
    let at = this.#free[number]!.pop()
    if (at !== undefined) this.#idle -= size
    else at = this.#place(size)
    this.used += size
    return at
  }

  /** Takes back a block of `bytes` that `allocate` gave. */
  free(at: number, bytes: number): void {
    const number = classOf(bytes)
    const size = SIZES[number]!
    this.used -= size
    this.#idle += size
    this.#free[number]!.push(at)
  }

  #place(size: number): number {
    const cut = this.#cut(size)
    if (cut !== undefined) return cut
    const crosses = this.#top < WALL && this.#top + size >= WALL
    const at = crosses ? WALL : this.#top
    if (at + size > this.#space.end()) {
      // A quarter: merging takes as long as some hundred allocations.
      if (this.#idle >= Math.max(size, (this.#top - this.#start) / 4)) return this.#tidied(size)
      try {
        this.#space.grow(at + size, size)
      } catch (error) {
        if (this.#idle === 0) throw error
        return this.#tidied(size)
      }
    }
    if (crosses && this.#top < WALL - UNIT) this.#gaps.push({ at: this.#top, size: WALL - UNIT - this.#top })
    this.#top = at + size
    return at
  }

  /** A place for a block, once the free ones have been merged. */
  #tidied(size: number): number {
    this.#tidy()
    return this.#place(size)
  }

  /** The beginning of the first gap that is large enough. */
  #cut(size: number): number | undefined {
    const index = this.#gaps.findIndex((gap) => gap.size >= size)
    if (index < 0) return undefined
    const gap = this.#gaps[index]!
    const { at } = gap
    gap.at += size
    gap.size -= size
    if (gap.size === 0) this.#gaps.splice(index, 1)
    return at
  }

  /** Makes gaps of all free blocks; what is free at the end no longer belongs to the heap. */
  #tidy(): void {
    const free = [...this.#gaps]
    this.#free.forEach((blocks, number) => {
      for (const at of blocks) free.push({ at, size: SIZES[number]! })
    })
    free.sort((a, b) => a.at - b.at)
    this.#free = noBlocks()
    this.#idle = 0
    this.#gaps = []
    for (const { at, size } of free) {
      const last = this.#gaps.at(-1)
      if (last && last.at + last.size === at) last.size += size
      else this.#gaps.push({ at, size })
    }
    const last = this.#gaps.at(-1)
    if (last && last.at + last.size === this.#top) {
      this.#top = last.at
      this.#gaps.pop()
    }
  }
}

const UNIT = 64
/** In units: up to here every multiple is a class. */
const FINE = 64
/** Classes an octave above. */
const STEPS = 8

/**
 * The number of the class for so many bytes: multiples of 64 up to 4 KiB, then eight to an octave, 64 bytes off so that
 * neighbours of equal size do not fall into one cache set.
 */
function classOf(bytes: number): number {
  const units = Math.max(1, Math.ceil(bytes / UNIT))
  if (units <= FINE) return units
  // The octave that begins at 2^octave units holds sizes above that, up to twice as many.
  const octave = 31 - Math.clz32(units - 1)
  const step = (units - (1 << octave) + (1 << (octave - 3)) - 1) >> (octave - 3)
  return FINE + (octave - 6) * STEPS + step
}

function sizeOfClass(number: number): number {
  if (number <= FINE) return UNIT * number
  const octave = 6 + Math.floor((number - FINE - 1) / STEPS)
  const step = 1 + ((number - FINE - 1) % STEPS)
  return UNIT * (2 ** octave + step * 2 ** (octave - 3) + 1)
}

/** By class. The largest is beyond what 32-bit addresses reach. */
const SIZES = Array.from({ length: FINE + 21 * STEPS + 1 }, (_, number) => sizeOfClass(number))

const noBlocks = (): number[][] => SIZES.map(() => [])
