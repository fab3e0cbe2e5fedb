import { sizeOf, stridesOf } from '../../shape.ts'
import { contiguous, type View } from '../../view.ts'
import type { GatherKernel, ScatterKernel } from '../kernel.ts'
import { joinDims } from '../text/grid.ts'
import type { Recipe, RecipeOptions, Stage } from './recipe.ts'
import { addRun, copyRun, copyStage, fillRun, forRuns, keyOf, withoutDim } from './runs.ts'
import { type F32, f32, type I32, i32 } from './wasm/expr.ts'
import type { Func } from './wasm/func.ts'

/** Indices are floats; NaN is no index either. */
const isPlace = (place: F32, size: number): I32 =>
  i32.and(f32.ge(place, f32.const(0)), f32.lt(place, f32.const(size)))

/**
 * (x, index): out[..., i, ...] = x[..., index[..., i, ...], ...] along `dim`, NaN for an index out of range. Both may be
 * any views without a mask.
 */
export function gatherRecipe({ inputs, out, dim }: GatherKernel, _options: RecipeOptions): Recipe {
  const [x, index] = inputs as [View, View]
  const [size, step] = [x.shape[dim]!, 4 * x.strides[dim]!]
  const lines: View = { ...x, shape: out, strides: x.strides.map((s, d) => (d === dim ? 0 : s)) }
  const { views } = joinDims(out, [index, lines, contiguous(out)])
  const [stepIndex, stepX] = views.map((v) => v.strides.at(-1) ?? 0) as [number, number]
  const inRows = stepIndex === 0 && stepX === 1
  const build = (f: Func) => {
    const pointers = [f.pointer(1), f.pointer(0), f.pointer(2)]
    forRuns(f, views, pointers, ([places, source, target], count) => {
      const place = f.local('f32')
      const chosen = () => i32.add(source!, i32.mul(i32.truncF32(place), step))
      if (inRows) {
        // One index for the whole run: a row of a table.
        f.set(place, f32.load(places!))
        f.if(
          isPlace(place, size),
          () => copyRun(f, target!, f.let(chosen()), count),
          () => fillRun(f, target!, Number.NaN, count),
        )
        return
      }
      const at = f.local('i32')
      f.for(at, 0, i32.shl(count, 2), 4, () => {
        f.set(place, f32.load(i32.add(places!, i32.mul(at, stepIndex))))
        const to = i32.add(target!, at)
        f.if(
          isPlace(place, size),
          () => f.do(f32.store(to, f32.load(i32.add(chosen(), i32.mul(at, stepX))))),
          () => f.do(f32.store(to, f32.const(Number.NaN))),
        )
      })
    })
  }
  const routine = { key: `gather ${size}*${step} ${keyOf(views)}`, scratch: 0, build }
  return { workspace: 0, stages: [{ routine, units: sizeOf(out), cost: inRows ? 0.15 : 1.2 }] }
}

/**
 * (x, index, src): x with src written (the last wins) or added at index along `dim`, in order; an index out of range
 * does nothing. All three may be any views without a mask.
 */
export function scatterRecipe(kernel: ScatterKernel, _options: RecipeOptions): Recipe {
  const [x, index] = kernel.inputs as [View, View, View]
  const copy = copyStage(x, contiguous(kernel.out), { from: 0, to: 3 })
  return { workspace: 0, stages: sizeOf(index.shape) === 0 ? [copy] : [copy, updateStage(kernel)] }
}

/** A unit is one line along `dim`: what goes to one line comes from one, so that threads never meet. */
function updateStage({ inputs, out, dim, mode }: ScatterKernel): Stage {
  const [, index, src] = inputs as [View, View, View]
  const target: View = { ...contiguous(out), shape: index.shape, strides: stridesOf(out) }
  const all = [index, src, target]
  const rounds = index.shape[dim]!
  const [size, step] = [out[dim]!, 4 * target.strides[dim]!]
  const lines = index.shape.filter((_, d) => d !== dim)
  const { views } = joinDims(
    lines,
    all.map((v) => withoutDim(v, dim)),
  )
  const [stepIndex, stepSrc, stepTo] = views.map((v) => v.strides.at(-1) ?? 0) as [number, number, number]
  const inRows = stepIndex === 0 && stepSrc === 1 && stepTo === 1
  const along = (base: I32, offset: I32, stride: number) => i32.add(base, i32.mul(offset, stride))

  const build = (f: Func) => {
    const pointers = [f.pointer(1), f.pointer(2), f.pointer(3)]
    forRuns(f, views, pointers, ([places, source, line], count) => {
      const [round, at, place] = [f.local('i32'), f.local('i32'), f.local('f32')]
      const inOrder = (body: () => void) => f.for(round, 0, 4 * rounds, 4, body)
      const acrossLines = (body: () => void) => f.for(at, 0, i32.shl(count, 2), 4, body)
      const readPlace = (offset: I32 | 0) =>
        f.set(
          place,
          f32.load(along(i32.add(places!, i32.mul(offset, stepIndex)), round, index.strides[dim]!)),
        )
      const from = () => along(source!, round, src.strides[dim]!)
      const to = () => i32.add(line!, i32.mul(i32.truncF32(place), step))
      const update = () => {
        readPlace(at)
        f.if(isPlace(place, size), () => {
          const value = f32.load(along(from(), at, stepSrc))
          const address = f.let(along(to(), at, stepTo))
          f.do(f32.store(address, mode === 'add' ? f32.add(f32.load(address), value) : value))
        })
      }
      if (inRows) {
        // One index for the whole run: a row of a table.
        inOrder(() => {
          readPlace(0)
          f.if(isPlace(place, size), () => {
            const run = mode === 'add' ? addRun : copyRun
            run(f, f.let(to()), f.let(from()), count)
          })
        })
      } else if (step === 4) acrossLines(() => inOrder(update))
      else inOrder(() => acrossLines(update))
    })
  }
  return {
    routine: {
      key: `scatter ${mode} ${size}*${step} ${rounds}*[${all.map((v) => v.strides[dim])}] ${keyOf(views)}`,
      scratch: 0,
      build,
    },
    units: sizeOf(lines),
    cost: (inRows ? 0.2 : 1.4) * rounds,
  }
}
