import { emitExpression } from '../../src/device/cpu/expression.ts'
import { Runtime } from '../../src/device/cpu/runtime.ts'
import { i32 } from '../../src/device/cpu/wasm/expr.ts'
import { v128 } from '../../src/device/cpu/wasm/simd.ts'
import { parseExpression } from '../../src/device/expression.ts'

/** What every engine computes alike. */
const plain = new Runtime({ fma: false })
/** With fused multiply-add where this engine has it. */
const fused = new Runtime()

/** A formula at many places at once: `operands` by name, a multiple of 4 long. */
export function evaluate(
  expr: string,
  operands: Readonly<Record<string, Float32Array>>,
  { fma = false } = {},
): Float32Array {
  const { names } = parseExpression(expr)
  const runtime = fma ? fused : plain
  const { memory } = runtime
  const size = Object.values(operands)[0]!.length
  const inputs = names.map((name) => operands[name]!)
  const pointers = [...inputs, null].map(() => memory.allocate(4 * size))
  inputs.forEach((x, i) => {
    memory.f32.set(x, pointers[i]! / 4)
  })
  const handle = runtime.define({
    key: `test ${expr}`,
    scratch: 0,
    build: (f) => {
      const starts = pointers.map((_, n) => f.pointer(n))
      const i = f.local('i32')
      f.for(i, f.lo, f.hi, 4, () => {
        const at = f.let(i32.shl(i, 2))
        const values = names.map((name, n) => [name, f.let(v128.load(i32.add(starts[n]!, at)))] as const)
        f.do(
          v128.store(i32.add(starts[names.length]!, at), emitExpression(f, expr, Object.fromEntries(values))),
        )
      })
    },
  })
  runtime.runRange(handle, pointers, [], 0, size)
  const out = memory.f32.slice(pointers.at(-1)! / 4, pointers.at(-1)! / 4 + size)
  for (const pointer of pointers) memory.free(pointer, 4 * size)
  return out
}

/** Distance of a float32 from a number in units of the last place that float32 has there; the right NaN is at 0. */
export function ulps(got: number, exact: number): number {
  const nearest = Math.fround(exact)
  if (Object.is(got, nearest)) return 0
  if (Number.isNaN(got) || Number.isNaN(exact)) return Infinity
  if (got === 0 && nearest === 0) return Infinity
  const finite = (x: number) => (Math.abs(x) === Infinity ? Math.sign(x) * 2 ** 128 : x)
  const exponent = Math.max(-126, Math.min(127, Math.floor(Math.log2(Math.abs(exact)))))
  return Math.abs(finite(got) - finite(Math.abs(exact) < 2 ** 128 ? exact : nearest)) / 2 ** (exponent - 23)
}
