import { addOuterProduct, newSums, type Sums } from '../matmul/tile.ts'
import { transposed } from '../transposed.ts'
import { type I32, i32 } from '../wasm/expr.ts'
import type { Func } from '../wasm/func.ts'
import { v128 } from '../wasm/simd.ts'
import type { Correlation } from './correlation.ts'
import { sumTaps } from './depth.ts'
import { PLACE, type Tile, type TileInputs } from './tile.ts'

const PLACES = 4

/**
 * Eight output channels in lanes, by four places: each tap reads the source number by number, so any stride and any
 * plane will do.
 */
export function channelTile(correlation: Correlation, run: 1 | 2 | 4): Tile {
  const { rows, cols, from } = correlation
  const most = from * rows.kernel * cols.kernel
  const name = `channels${run}`
  return {
    name,
    width: 8,
    run,
    entries: PLACES / run,
    emit: (f, inputs, channels) => {
      const sums = newSums(f, PLACES, Math.ceil(channels / 4))
      const entry = (i: number) => f.let(i32.add(inputs.source, i32.load(inputs.places, PLACE * i)))
      const bases = Array.from({ length: PLACES / run }, (_, i) => entry(i))
      const weights = f.let(inputs.weights)
      sumTaps(f, inputs, most, sums, (offset) => {
        const at: I32[] = bases.map((base) => i32.add(base, offset))
        // A sum for several loads is kept.
        const starts = run === 1 ? at : at.map((sum) => f.let(sum))
        addOuterProduct(
          f,
          sums,
          (place) => v128.load32Splat(starts[Math.floor(place / run)]!, inputs.columnStep * (place % run)),
          (vector) => v128.load(weights, 16 * vector),
        )
        f.set(weights, i32.add(weights, 32))
      })
      store(f, correlation, run, inputs, channels, sums)
    },
  }
}

function store(
  f: Func,
  { rows, cols }: Correlation,
  run: number,
  { places, out }: TileInputs,
  channels: number,
  sums: Sums,
): void {
  const plane = 4 * rows.out * cols.out
  const targets = Array.from({ length: PLACES / run }, (_, i) =>
    f.let(i32.add(out, i32.load(places, PLACE * i + 4))),
  )
  for (let v = 0; 4 * v < channels; v++) {
    const column = sums.map((row) => row[v]!)
    const lanes = Math.min(4, channels - 4 * v)
    if (run === 1 || cols.outStep > 1)
      column.forEach((sum, place) => {
        const step = 4 * cols.outStep * (place % run)
        for (let lane = 0; lane < lanes; lane++) {
          const target = targets[Math.floor(place / run)]!
          f.do(v128.store32Lane(target, sum, lane, (4 * v + lane) * plane + step))
        }
      })
    else
      transposed(f, column, lanes).forEach((places, lane) => {
        const at = (4 * v + lane) * plane
        if (run === 4) f.do(v128.store(targets[0]!, places, at))
        else
          targets.forEach((target, i) => {
            f.do(v128.store64Lane(target, places, i, at))
          })
      })
  }
}
