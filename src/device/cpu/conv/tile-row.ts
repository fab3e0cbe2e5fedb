import { addOuterProduct, newSums, type Sums } from '../matmul/tile.ts'
import { i32 } from '../wasm/expr.ts'
import type { Func } from '../wasm/func.ts'
import { v128 } from '../wasm/simd.ts'
import type { Correlation } from './correlation.ts'
import { sumTaps } from './depth.ts'
import { PLACE, type Tile, type TileInputs } from './tile.ts'

/** Vectors of places by output channels: as many as registers hold. */
const VECTORS = { 1: 6, 2: 4, 3: 2, 4: 2 } as const

/**
 * Four places of a row in lanes, by a few output channels: for groups too narrow to fill the lanes of a channel tile.
 * What neighbouring places meet must lie side by side.
 */
export function rowTile(correlation: Correlation, width: 1 | 2 | 3 | 4): Tile {
  const { rows, cols, from } = correlation
  const most = from * rows.kernel * cols.kernel
  const entries = VECTORS[width]
  return {
    name: `row${width}`,
    width,
    run: 4,
    entries,
    emit: (f, inputs, channels) => {
      const sums = newSums(f, channels, entries)
      const bases = Array.from({ length: entries }, (_, i) =>
        f.let(i32.add(inputs.source, i32.load(inputs.places, PLACE * i))),
      )
      const weights = f.let(inputs.weights)
      sumTaps(f, inputs, most, sums, (offset) => {
        addOuterProduct(
          f,
          sums,
          (channel) => v128.load32Splat(weights, 4 * channel),
          (vector) => v128.load(i32.add(bases[vector]!, offset)),
        )
        f.set(weights, i32.add(weights, 4 * width))
      })
      store(f, correlation, inputs, sums)
    },
  }
}

function store(f: Func, { rows, cols }: Correlation, { places, out }: TileInputs, sums: Sums): void {
  const plane = 4 * rows.out * cols.out
  sums[0]!.forEach((_, vector) => {
    const target = f.let(i32.add(out, i32.load(places, PLACE * vector + 4)))
    sums.forEach((row, channel) => {
      const sum = row[vector]!
      if (cols.outStep === 1) f.do(v128.store(target, sum, plane * channel))
      else
        for (let lane = 0; lane < 4; lane++)
          f.do(v128.store32Lane(target, sum, lane, plane * channel + 4 * cols.outStep * lane))
    })
  })
}
