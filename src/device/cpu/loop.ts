import type { FusedKernel } from '../kernel.ts'
import { goAcross, groupsOf, unitsAcross } from './loop/across.ts'
import { copiesAlong, goAlong, passesOnce, unitsAlong } from './loop/along.ts'
import { designOf } from './loop/design.ts'
import { finish, partBytes, storeShares } from './loop/finish.ts'
import { type Design, Nest } from './loop/nest.ts'
import { programOf } from './loop/program.ts'
import { simplify } from './loop/simplify.ts'
import { goInTiles, unitsOfTiles } from './loop/tiles.ts'
import type { Recipe, RecipeOptions, Stage } from './recipe.ts'
import { type Index, i32, index, select } from './wasm/expr.ts'
import type { Func } from './wasm/func.ts'

/**
 * Elementwise maths and reductions as loops of vectors. What is reduced over everything takes a second stage, which
 * adds up the parts' shares.
 *
 * @throws DeviceError where what is known only at the end is used before, or a formula cannot be read.
 */
export function fusedRecipe(kernel: FusedKernel, { threads }: RecipeOptions): Recipe {
  const program = programOf(simplify(kernel))
  const design = designOf(program)
  const { passes, schedule } = design
  const units = WAYS[schedule.mode].units(design)
  const parts = program.totals.length > 0 ? Math.min(threads, Math.max(units, 1)) : null
  const key = keyOf(design, parts)
  const stages: Stage[] = []
  if (passes.passes.length > 0 || passes.after.stores.length > 0 || parts !== null)
    stages.push({
      routine: {
        key: `fused ${key}`,
        scratch: design.scratchBytes,
        build: (f) => (parts === null ? go(f, design, f.lo, f.hi) : goInParts(f, design, units, parts)),
      },
      units: parts ?? units,
      cost: schedule.cost / Math.max(1, parts ?? units),
      ...completesOf(design),
    })
  if (passes.end.length > 0)
    stages.push({
      routine: {
        key: `fused end ${key}`,
        scratch: 0,
        build: (f) => f.for(f.local('i32'), f.lo, f.hi, 1, () => finish(f, design, parts ?? 0)),
      },
      units: 1,
      cost: 50,
    })
  return {
    workspace: parts === null ? 0 : parts * partBytes(program.totals.length),
    stages,
    inPlace: parts === null && passesOnce(design),
  }
}

function keyOf({ program: { kernel, space, live } }: Design, parts: number | null): string {
  const values = kernel.values.map((value, v) => (live.has(kernel.inputs.length + v) ? value : null))
  return JSON.stringify([space, values, kernel.stores, parts])
}

function go(f: Func, design: Design, from: Index, to: Index): Nest {
  const nest = new Nest(f, design, copiesOfTotals(design))
  WAYS[design.schedule.mode].go(nest, from, to)
  return nest
}

/** How many units a design has, and how they are gone through. */
const WAYS = {
  line: { units: unitsAlong, go: goAlong },
  tile: { units: unitsOfTiles, go: goInTiles },
  row: { units: unitsAlong, go: goAlong },
  column: { units: unitsAcross, go: goAcross },
} as const

/** Units are divided into parts of their own, whatever range is asked for, so that sums repeat bit for bit. */
function goInParts(f: Func, design: Design, units: number, parts: number): void {
  const part = f.local('i32')
  const [least, more] = [Math.floor(units / parts), units % parts]
  const start = (p: Index) =>
    f.let(i32.add(i32.mul(p, least), select(i32.ltS(p, more), index(p), i32.const(more))))
  f.for(part, f.lo, f.hi, 1, () => {
    const nest = go(f, design, start(part), start(f.let(i32.add(part, 1))))
    storeShares(f, design, part, nest.totals)
  })
}

/** How many sums each total is gathered in: as many as there are vectors side by side in any pass. */
const copiesOfTotals = (design: Design): number =>
  design.schedule.mode === 'column'
    ? groupsOf(design.program, design.schedule.lane).width
    : Math.max(1, ...design.passes.passes.map((pass) => copiesAlong(design, pass)))

/** What a unit completes of each output, where all are arrays that units go through in order. */
function completesOf({ program, schedule }: Design): Pick<Stage, 'completes'> {
  const { kernel, space, totals } = program
  const { mode, lane, units, inner } = schedule
  if (totals.length > 0 || mode === 'column' || mode === 'tile') return {}
  const level = kernel.stores[0]!.level
  const output = space.outputs[0]
  if (!output || kernel.stores.some((store) => store.level !== level)) return {}
  if (level === 'row') return { completes: 1 }
  const size = [lane, ...inner].reduce((product, d) => product * space.dims[d]!.size, 1)
  const step = units.length > 0 ? output.strides[units.at(-1)!]! : size
  if (output.strides[lane] !== 1 || step !== size) return {}
  return { completes: units.length === 0 && mode === 'line' ? 4 : size }
}
