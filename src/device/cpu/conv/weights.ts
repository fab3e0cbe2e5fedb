import { f32, i32, select } from '../wasm/expr.ts'
import type { Func } from '../wasm/func.ts'
import { type Layout, PHASE } from './layout.ts'
import { eachPhase, field } from './tables.ts'

/**
 * Packs the weights into panels [phase][group][panel][source channel][tap][width]; the units are panels of all groups.
 * Lanes beyond the last output channel hold its weights again.
 */
export function packWeights(f: Func, layout: Layout): void {
  const { correlation, tables, tile, panels } = layout
  const { rows, cols, from, to, weight } = correlation
  const [source, workspace] = [f.pointer(1), f.pointer(3)]
  const [unit, channel, row, col] = [f.local('i32'), f.local('i32'), f.local('i32'), f.local('i32')]
  const [record, target] = [f.local('i32'), f.local('i32')]
  const lanes = Array.from({ length: tile.width }, () => f.local('i32'))
  f.for(unit, f.lo, f.hi, 1, () => {
    const panel = i32.remU(unit, panels)
    const group = f.let(i32.add(source, i32.mul(i32.divU(unit, panels), 4 * weight.group)))
    const first = f.let(i32.mul(panel, tile.width))
    f.set(record, i32.add(workspace, tables.phases))
    eachPhase(f, layout, workspace, ({ rowAt, colAt }) => {
      const bytes = i32.sub(i32.load(record, PHASE.tapsEnd), i32.load(record, PHASE.taps))
      f.set(target, i32.add(i32.load(record, PHASE.weights), i32.mul(i32.mul(bytes, tile.width), unit)))
      const tap = i32.add(i32.mul(field(rowAt, 'tap'), cols.kernel), field(colAt, 'tap'))
      const start = f.let(i32.add(group, i32.mul(tap, 4)))
      lanes.forEach((lane, l) => {
        const number = f.let(i32.add(first, l))
        const kept = select(i32.ltS(number, to), number, i32.const(to - 1))
        f.set(lane, i32.add(start, i32.mul(kept, 4 * weight.to)))
      })
      const [rowTaps, colTaps] = [f.let(field(rowAt, 'taps')), f.let(field(colAt, 'taps'))]
      f.for(channel, 0, from, 1, () => {
        f.for(row, 0, rowTaps, 1, () => {
          f.for(col, 0, colTaps, 1, () => {
            const place = i32.add(i32.mul(row, cols.kernel * rows.tapStep), i32.mul(col, cols.tapStep))
            const offset = f.let(i32.mul(i32.add(place, i32.mul(channel, weight.from)), 4))
            lanes.forEach((lane, l) => {
              f.do(f32.store(target, f32.load(i32.add(lane, offset)), 4 * l))
            })
            f.set(target, i32.add(target, 4 * tile.width))
          })
        })
      })
      f.set(record, i32.add(record, PHASE.bytes))
    })
  })
}
