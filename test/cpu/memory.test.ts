import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Heap } from '../../src/device/cpu/heap.ts'
import { Memory } from '../../src/device/cpu/memory.ts'
import { thrownBy } from '../support/thrown.ts'

const MIB = 2 ** 20

interface Block {
  readonly at: number
  readonly bytes: number
}

/** A heap from 128 on in a space that grows up to `most`. */
function heapUpTo(most: number) {
  let end = 128
  const heap = new Heap(128, {
    end: () => end,
    grow: (wanted) => {
      if (wanted > most) throw new RangeError('full')
      end = wanted
    },
  })
  return { heap, end: () => end }
}

/** Sizes of all kinds: small, around powers of two, large. */
const size = fc.oneof(
  fc.integer({ min: 0, max: 5000 }),
  fc
    .tuple(fc.integer({ min: 5, max: 22 }), fc.integer({ min: -65, max: 65 }))
    .map(([exponent, off]) => Math.max(0, 2 ** exponent + off)),
)

describe('the heap', () => {
  test('gives aligned blocks that never overlap, whatever was freed before', () => {
    const steps = fc.array(fc.oneof(size, fc.record({ free: fc.nat() })), { maxLength: 200 })
    fc.assert(
      fc.property(steps, (plan) => {
        const { heap, end } = heapUpTo(64 * MIB)
        let live: Block[] = []
        for (const step of plan) {
          if (typeof step === 'number') {
            try {
              live.push({ at: heap.allocate(step), bytes: step })
            } catch (error) {
              expect(error).toBeInstanceOf(RangeError)
            }
          } else if (live.length > 0) {
            const [block] = live.splice(step.free % live.length, 1)
            heap.free(block!.at, block!.bytes)
          }
        }
        live = live.sort((a, b) => a.at - b.at)
        live.forEach(({ at, bytes }, i) => {
          expect(at % 64).toBe(0)
          expect(at).toBeGreaterThanOrEqual(128)
          expect(Math.ceil((at + Math.max(bytes, 1)) / 64) * 64).toBeLessThanOrEqual(live[i + 1]?.at ?? end())
        })
        for (const { at, bytes } of live) heap.free(at, bytes)
        expect(heap.used).toBe(0)
      }),
    )
  })

  test('gives at most an eighth and 128 bytes more than was asked for', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 32 - 2 ** 29 }), (bytes) => {
        const { heap } = heapUpTo(2 ** 33)
        heap.allocate(bytes)
        expect(heap.used).toBeGreaterThanOrEqual(bytes)
        expect(heap.used).toBeLessThanOrEqual(bytes * 1.125 + 128)
      }),
    )
  })

  test('gives the block that was freed last', () => {
    const { heap } = heapUpTo(MIB)
    const [a, b] = [heap.allocate(1000), heap.allocate(1000)]
    heap.free(a, 1000)
    heap.free(b, 1000)
    expect([heap.allocate(1000), heap.allocate(1000)]).toEqual([b, a])
  })

  test('does not grow where sizes change from round to round', () => {
    const { heap, end } = heapUpTo(2 ** 32)
    const kept: Block[] = []
    for (let round = 1; round <= 200; round++) {
      const sizes = Array.from({ length: 20 }, (_, i) => 1000 * round + 7919 * i * (round % 7))
      const blocks = sizes.map((bytes) => ({ at: heap.allocate(bytes), bytes }))
      kept.push({ at: heap.allocate(64), bytes: 64 })
      for (const { at, bytes } of blocks) heap.free(at, bytes)
    }
    // The largest round takes 13 MB.
    expect(end()).toBeLessThan(40 * MIB)
    expect(new Set(kept.map(({ at }) => at)).size).toBe(200)
  })

  test('has no block that reaches up to 2 GiB, where addresses turn negative', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 2 ** 29 }), { minLength: 10, maxLength: 30 })
    fc.assert(
      fc.property(sizes, (all) => {
        const { heap } = heapUpTo(2 ** 32)
        for (const round of [all, all.map((bytes) => Math.ceil(bytes / 3))]) {
          const live: Block[] = []
          for (const bytes of round) {
            try {
              live.push({ at: heap.allocate(bytes), bytes })
            } catch {
              break
            }
          }
          for (const { at, bytes } of live) {
            expect(at >= 2 ** 31 || at + bytes < 2 ** 31).toBe(true)
            heap.free(at, bytes)
          }
        }
      }),
    )
  })

  test('uses everything that is free before it is full', () => {
    const { heap } = heapUpTo(10 * MIB)
    const blocks = Array.from({ length: 90 }, () => heap.allocate(100_000))
    for (const at of blocks) heap.free(at, 100_000)
    const large = heap.allocate(9 * MIB)
    expect(() => heap.allocate(2 * MIB)).toThrow('full')
    heap.free(large, 9 * MIB)
    heap.allocate(2 * MIB)
    expect(heap.used).toBeLessThan(2.5 * MIB)
  })
})

describe.each([true, false])('memory, shared: %s', (shared) => {
  test('grows, and keeps what it holds', () => {
    const memory = new Memory(shared)
    const blocks = Array.from({ length: 8 }, (_, i) => {
      const at = memory.allocate(4 * MIB)
      memory.f32[at / 4] = i
      memory.f32[at / 4 + MIB - 1] = i
      return at
    })
    blocks.forEach((at, i) => {
      expect(memory.f32[at / 4]).toBe(i)
      expect(memory.f32[at / 4 + MIB - 1]).toBe(i)
    })
  })

  test('that is full says so, and lives on', () => {
    const memory = new Memory(shared)
    const blocks: number[] = []
    const error = thrownBy(() => {
      for (let i = 0; i < 100; i++) blocks.push(memory.allocate(400 * MIB))
    })
    expect(error.name).toBe('OutOfMemoryError')
    expect(error.message).toMatch(
      /^cpu: out of memory, got 4\d\d MiB to hold beside 3\d\d\d MiB in use\. Use a smaller batch, or drop tensors/,
    )
    const { used } = memory
    memory.free(blocks.pop()!, 400 * MIB)
    memory.allocate(300 * MIB)
    expect(memory.used).toBeLessThan(used)
  })
})

test('equal constants share an address', () => {
  const memory = new Memory(false)
  const bytes = (value: number) => new Uint8Array(Float32Array.of(value, value, value, value).buffer)
  const [one, two, again] = [memory.constant(bytes(1)), memory.constant(bytes(2)), memory.constant(bytes(1))]
  expect(again).toBe(one)
  expect(two).not.toBe(one)
  expect(memory.f32[two / 4]).toBe(2)
})

describe('pressure', () => {
  test('comes with 64 MiB and half as much again, and goes with what is freed', () => {
    const memory = new Memory(false)
    expect(memory.pressure.high).toBe(false)
    const [a, b] = [memory.allocate(55 * MIB), memory.allocate(15 * MIB)]
    expect(memory.pressure.high).toBe(true)
    memory.free(b, 15 * MIB)
    expect(memory.pressure.high).toBe(false)
    memory.free(a, 55 * MIB)
    expect(memory.pressure.high).toBe(false)
  })

  test('a loop that drops a tensor of 10 MB each time stays flat', async () => {
    const memory = new Memory(true)
    const collected = new FinalizationRegistry<Block>(({ at, bytes }) => memory.free(at, bytes))
    const make = async (bytes: number): Promise<object> => {
      const block = { at: memory.allocate(bytes), bytes }
      const tensor = { block }
      collected.register(tensor, block)
      return tensor
    }
    let most = 0
    for (let i = 0; i < 50; i++) {
      await make(10e6)
      if (memory.pressure.high) await memory.pressure.relieve()
      most = Math.max(most, memory.used)
    }
    expect(most).toBeLessThan(200 * MIB)
  })

  test('what is in use stays, and is not taken for garbage again', async () => {
    const memory = new Memory(false)
    memory.allocate(300 * MIB)
    await Promise.all([memory.pressure.relieve(), memory.pressure.relieve()])
    expect(memory.pressure.high).toBe(false)
    memory.allocate(100 * MIB)
    expect(memory.pressure.high).toBe(false)
    memory.allocate(100 * MIB)
    expect(memory.pressure.high).toBe(true)
  })
})
