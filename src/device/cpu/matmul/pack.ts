import { transposed } from '../transposed.ts'
import { f32, type I32, type Index, i32, select } from '../wasm/expr.ts'
import type { Func } from '../wasm/func.ts'
import { v128 } from '../wasm/simd.ts'

/** Lines of numbers in memory; strides in bytes. */
export interface Lines {
  readonly at: I32
  /** From one line to the next. */
  readonly line: number
  /** From one number of a line to the next. */
  readonly depth: number
}

/**
 * Packs `4 * columns.length` lines side by side: each vector holds one number of four lines, and the vectors of one
 * depth follow each other. `columns` says at which line each vector begins.
 */
export function packPanel(f: Func, from: Lines, columns: readonly number[], depth: Index, to: I32): void {
  const width = 16 * columns.length
  if (from.depth === 4 && from.line > 4 && (typeof depth !== 'number' || depth >= 4)) {
    forFours(f, depth, (k) => {
      columns.forEach((column, v) => {
        const source = { ...from, at: f.let(i32.add(from.at, i32.shl(k, 2))) }
        transpose4(f, source, column, f.let(i32.add(to, i32.mul(k, width))), width, 16 * v)
      })
    })
    return
  }
  const [k, source, target] = [f.local('i32'), f.let(from.at), f.let(to)]
  f.for(k, 0, depth, 1, () => {
    columns.forEach((column, v) => {
      if (from.line === 4) f.do(v128.store(target, v128.load(source, 4 * column), 16 * v))
      else
        for (let lane = 0; lane < 4; lane++) {
          const number = f32.load(i32.add(source, (column + lane) * from.line))
          f.do(f32.store(target, number, 16 * v + 4 * lane))
        }
    })
    f.set(source, i32.add(source, from.depth))
    f.set(target, i32.add(target, width))
  })
}

/** Copies lines so that each lies in a row. `least`: as few lines as there can be. */
export function packLines(
  f: Func,
  from: Lines,
  { count, least }: { readonly count: Index; readonly least: number },
  depth: Index,
  to: Pick<Lines, 'at' | 'line'>,
): void {
  const across = from.line === 4 && from.depth > 0 && least >= 4
  if (across && (typeof depth !== 'number' || depth >= 4)) {
    forFours(f, depth, (k) => {
      const source = f.let(i32.add(from.at, i32.mul(k, from.depth)))
      const target = f.let(i32.add(to.at, i32.shl(k, 2)))
      forFours(f, count, (line) => {
        const four = { at: f.let(i32.add(source, i32.shl(line, 2))), line: from.depth, depth: 4 }
        transpose4(f, four, 0, f.let(i32.add(target, i32.mul(line, to.line))), to.line, 0)
      })
    })
    return
  }
  const [line, k] = [f.local('i32'), f.local('i32')]
  f.for(line, 0, count, 1, () => {
    const source = f.let(i32.add(from.at, i32.mul(line, from.line)))
    const target = f.let(i32.add(to.at, i32.mul(line, to.line)))
    f.for(k, 0, depth, 1, () => {
      f.do(f32.store(target, f32.load(source)))
      f.set(source, i32.add(source, from.depth))
      f.set(target, i32.add(target, 4))
    })
  })
}

/** Walks `count` (at least 4) things in fours; the last four overlap those before where it is no multiple of 4. */
function forFours(f: Func, count: Index, body: (at: I32) => void): void {
  const at = f.local('i32')
  f.for(at, 0, count, 4, () => {
    if (typeof count === 'number' && count % 4 === 0) body(at)
    else {
      const last = i32.sub(count, 4)
      body(f.let(select(i32.ltS(at, last), at, last)))
    }
  })
}

/** Turns four numbers of four lines, from line `first` on, into four vectors `stride` bytes apart. */
function transpose4(f: Func, from: Lines, first: number, to: I32, stride: number, offset: number): void {
  const rows = [0, 1, 2, 3].map((line) => f.let(v128.load(from.at, (first + line) * from.line)))
  transposed(f, rows, 4).forEach((column, i) => {
    f.do(v128.store(to, column, offset + i * stride))
  })
}
