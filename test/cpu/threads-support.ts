import type { Compiled } from '../../src/device/cpu/compiled.ts'
import type { Handle, Runtime } from '../../src/device/cpu/runtime.ts'
import { Threads } from '../../src/device/cpu/threads.ts'
import { f32, i32 } from '../../src/device/cpu/wasm/expr.ts'
import type { Routine } from '../../src/device/cpu/wasm/func.ts'
import { f32x4, v128 } from '../../src/device/cpu/wasm/simd.ts'

/** out[unit] = in[unit] + `plus`, four floats a unit, after `rounds` rounds of work, some nanoseconds each. */
export const plus = (value: number, rounds = 0): Routine => ({
  key: `test plus ${value} ${rounds}`,
  scratch: 64,
  build: (f) => {
    const [x, out, i, k] = [f.pointer(0), f.pointer(1), f.local('i32'), f.local('i32')]
    f.for(i, f.lo, f.hi, 1, () => {
      const at = f.let(i32.shl(i, 4))
      const sum = f.let(f32x4.add(v128.load(i32.add(x, at)), f32x4.const(value)))
      f.for(k, 0, rounds, 1, () => f.set(sum, f32x4.mul(sum, f32x4.const(1))))
      f.do(v128.store(i32.add(out, at), sum))
    })
  },
})

/** out[unit] = the address of the scratch memory of the thread that did it, after a while. */
export const whose: Routine = {
  key: 'test whose',
  scratch: 256,
  build: (f) => {
    const [out, i, k] = [f.pointer(0), f.local('i32'), f.local('i32')]
    const sum = f.let(f32.const(0))
    f.for(i, f.lo, f.hi, 1, () => {
      f.for(k, 0, 1_000_000, 1, () => f.set(sum, f32.add(sum, f32.const(1))))
      f.do(i32.store(i32.add(out, i32.shl(i, 2)), f.scratch))
      f.do(f32.store(f.scratch, sum))
    })
  },
}

/** Takes some milliseconds, traps at unit `trap`, and stays with unit `slow` for seconds. */
export const bad = ({ trap = 1e9, slow = 1e9 }): Routine => ({
  key: `test bad ${trap} ${slow}`,
  scratch: 64,
  build: (f) => {
    const [i, k] = [f.local('i32'), f.local('i32')]
    const sum = f.let(f32.const(0))
    const wait = (rounds: number) => f.for(k, 0, rounds, 1, () => f.set(sum, f32.add(sum, f32.const(1))))
    wait(8_000_000)
    f.for(i, f.lo, f.hi, 1, () => {
      f.if(i32.eq(i, i32.const(trap)), () => f.do(i32.store(-64, i32.const(0))))
      f.if(i32.eq(i, i32.const(slow)), () => wait(2_000_000_000))
    })
    f.do(f32.store(f.scratch, sum))
  },
})

/** Compiles a routine. */
export function compiledIn(runtime: Runtime, routine: Routine): Compiled {
  const handle: Handle = runtime.define(routine)
  runtime.runRange(handle, [64, 64, 64], [], 0, 0)
  return handle.compiled!
}

/** Threads, and a way to share a job among them whatever it costs; waits for workers that load its code. */
export function sharing(runtime: Runtime, count: number, patience?: number) {
  const threads = new Threads(runtime.memory, count, patience)
  const stride = 1024
  const nothing = new Int32Array(new SharedArrayBuffer(4))
  const scratch = runtime.memory.allocate(count * stride)
  const share = (compiled: Compiled, pointers: readonly number[], units: number): void => {
    const args = runtime.memory.argumentsAt
    runtime.memory.i32.set(pointers, args / 4)
    const end = performance.now() + 20_000
    for (let i = 0; !threads.share(compiled, { units, cost: 1e9, args, scratch, stride }); i++) {
      if (performance.now() > end) throw new Error('the workers do not come')
      // They need a core to start on.
      if (i > 10) Atomics.wait(nothing, 0, 0, 1)
    }
  }
  return { threads, share, scratch, stride }
}
