import type { BatchKernel, FusedKernel } from '../kernel.ts'
import { NAMES } from '../text/text.ts'
import { emitExpression } from './expression.ts'
import { costOf } from './loop/program.ts'
import type { Recipe } from './recipe.ts'
import { f32, i32, index, select, type V128 } from './wasm/expr.ts'
import type { Routine } from './wasm/func.ts'
import { f32x4, v128 } from './wasm/simd.ts'

/** Elementwise maths on several sets of arrays, one after the other. A unit is a vector, counted through all sets. */
export function batchRecipe({ each, sizes }: BatchKernel): Recipe {
  const counts = sizes.map((n) => Math.ceil(n / 4))
  const arrays = each.inputs.filter((view) => view !== null).length
  const results = each.stores.length
  const numbers = each.inputs.length - arrays
  const own = arrays + results + numbers
  const body = onOneSet(each)
  return {
    workspace: 0,
    stages: [
      {
        routine: {
          key: `batch ${sizes} ${body.key}`,
          scratch: 4 * own,
          build: (f) => {
            // The arguments of one set, which lie apart, side by side.
            const put = (to: number, from: number) =>
              f.do(i32.store(f.scratch, i32.load(f.args, 4 * from), 4 * to))
            for (let n = 0; n < numbers; n++) put(arrays + results + n, sizes.length * (arrays + results) + n)
            let start = 0
            counts.forEach((count, set) => {
              const lo = f.let(i32.sub(f.lo, start))
              const hi = f.let(i32.sub(f.hi, start))
              start += count
              f.if(i32.and(i32.ltS(lo, count), i32.gtS(hi, 0)), () => {
                for (let a = 0; a < arrays; a++) put(a, set * arrays + a)
                for (let r = 0; r < results; r++) put(arrays + r, sizes.length * arrays + set * results + r)
                f.call(body, {
                  args: f.scratch,
                  lo: select(i32.gtS(lo, 0), lo, i32.const(0)),
                  hi: select(i32.ltS(hi, count), hi, i32.const(count)),
                  scratch: f.scratch,
                })
              })
            })
          },
        },
        units: counts.reduce((sum, count) => sum + count, 0),
        cost: 0.1 * each.values.reduce((sum, _, v) => sum + costOf(each, each.inputs.length + v), own),
      },
    ],
  }
}

/** The maths on vectors [lo, hi) of arrays of any length: the last vector may reach beyond the end, as blocks do. */
function onOneSet({ inputs, values, stores }: FusedKernel): Routine {
  const arrays = inputs.filter((view) => view !== null).length
  return {
    key: `batch of ${JSON.stringify([inputs.map((view) => view === null), values, stores])}`,
    scratch: 0,
    build: (f) => {
      let [array, number] = [0, arrays + stores.length]
      const sources = inputs.map((view) =>
        view ? f.pointer(array++) : f.let(f32x4.splat(f32.load(f.args, 4 * number++))),
      )
      const targets = stores.map((_, s) => f.pointer(arrays + s))
      const at = f.local('i32')
      f.for(at, i32.shl(f.lo, 4), i32.shl(f.hi, 4), 16, () => {
        const operands = sources.map(
          (source): V128 => (source.type === 'v128' ? source : f.let(v128.load(i32.add(source, at)))),
        )
        for (const value of values) {
          if (value.kind !== 'map') continue
          const named = value.args.map((arg, i) => [NAMES[i]!, operands[arg]!] as const)
          operands.push(emitExpression(f, value.expr, Object.fromEntries(named)))
        }
        stores.forEach(({ value }, s) => {
          f.do(v128.store(i32.add(index(targets[s]!), at), operands[value]!))
        })
      })
    },
  }
}
