import type { Stage } from '../recipe.ts'
import { transposed } from '../transposed.ts'
import { type I32, i32, select, type V128 } from '../wasm/expr.ts'
import type { Func } from '../wasm/func.ts'
import { f32x4, v128 } from '../wasm/simd.ts'
import { type Axis, type Plane, roundUp, spread, weightsOf } from './axis.ts'
import { transform2d } from './lanes.ts'
import type { ForwardScheme } from './scheme.ts'

const TAPS = 9

/** The weights of a convolution from some channels to others, in whichever order they lie. */
export interface Weights {
  readonly from: number
  readonly to: number
  /** Floats from one channel's 3 x 3 taps to the next. */
  readonly fromStride: number
  readonly toStride: number
}

/** Transformed weights U[weights][to / 4][from][4], padded with zeros: bytes of one plane, and of all. */
export const weightPlane = ({ from, to }: Weights): number => spread(4 * roundUp(to, 4) * from)
export const weightBytes = (plane: Plane, weights: Weights): number => weightsOf(plane) * weightPlane(weights)

/** The stage that transforms weights (argument 1) into the workspace (argument 3). A unit is four channels to. */
export function transformWeights(key: string, plane: Plane, weights: Weights): Stage {
  const { from, to, fromStride, toStride } = weights
  const units = Math.ceil(to / 4)
  const build = (f: Func) => {
    const [input, output] = [f.pointer(1), f.pointer(3)]
    const [unit, c] = [f.local('i32'), f.local('i32')]
    f.for(unit, f.lo, f.hi, 1, () => {
      const source = f.let(i32.add(input, i32.mul(unit, 16 * toStride)))
      const target = f.let(i32.add(output, i32.mul(unit, 16 * from)))
      const each = (lanes: number) => () =>
        f.for(c, 0, from, 1, () => {
          transformFour(f, plane, weights, lanes, source, target)
          f.set(source, i32.add(source, 4 * fromStride))
          f.set(target, i32.add(target, 16))
        })
      if (to % 4 === 0) each(4)()
      else if (units === 1) each(to)()
      else f.if(i32.ltS(unit, units - 1), each(4), each(to % 4))
    })
  }
  return {
    routine: { key: `${key} weights`, scratch: 0, build },
    units,
    cost: 25 * from,
  }
}

function transformFour(
  f: Func,
  plane: Plane,
  weights: Weights,
  lanes: number,
  source: I32,
  target: I32,
): void {
  const load = (offset: number, one: (at: I32, offset: number) => V128) =>
    [0, 1, 2, 3].map((lane) =>
      f.let(lane < lanes ? one(source, offset + 4 * lane * weights.toStride) : f32x4.const(0)),
    )
  const taps = [
    ...transposed(f, load(0, v128.load), 4),
    ...transposed(f, load(16, v128.load), 4),
    ...transposed(f, load(32, v128.load32Zero), 1),
  ]
  const { rows, cols } = plane
  transform2d(
    f,
    [rows.scheme.weight, cols.scheme.weight],
    3,
    (i) => taps.slice(3 * i, 3 * i + 3),
    (j, values) => {
      values.forEach((value, i) => {
        f.do(v128.store(target, value, (i * cols.scheme.weights + j) * weightPlane(weights)))
      })
    },
  )
}

/** Partial sums dU[weights][out / 4][in / 8][4][8] of one part: bytes of one plane, and of all. */
export const gradPlane = (out: number, input: number): number =>
  spread(4 * roundUp(out, 4) * roundUp(input, 8))

/**
 * The stage that adds up the parts' sums in the workspace (argument 3) in order and turns them into the gradient in the
 * taps (argument 2). A unit is four output channels.
 */
export function weightsFromSums(
  key: string,
  plane: Plane<Axis<ForwardScheme>>,
  parts: number,
  out: number,
  input: number,
): Stage {
  const size = gradPlane(out, input)
  const panels = Math.ceil(input / 8)
  const { rows, cols } = plane
  const build = (f: Func) => {
    const [output, sums] = [f.pointer(2), f.pointer(3)]
    const [unit, row, half] = [f.local('i32'), f.local('i32'), f.local('i32')]
    // Panels of eight channels are 128 bytes apart, so their halves are not at one distance.
    const halfAt = (i: I32) => i32.add(i32.shl(i32.shrU(i, 1), 7), i32.shl(i32.and(i, 1), 4))
    const four = (source: I32, target: I32, lanes: number) => {
      const sum = (k: number): V128 => {
        let total = v128.load(source, k * size)
        for (let part = 1; part < parts; part++)
          total = f32x4.add(total, v128.load(source, (part * weightsOf(plane) + k) * size))
        return f.let(total)
      }
      const taps: V128[] = []
      transform2d(
        f,
        [rows.scheme.weightAdjoint, cols.scheme.weightAdjoint],
        rows.scheme.weights,
        (i) => Array.from({ length: cols.scheme.weights }, (_, j) => sum(i * cols.scheme.weights + j)),
        (j, values) => {
          values.forEach((value, i) => {
            taps[3 * i + j] = value
          })
        },
      )
      const [first, second] = [transposed(f, taps.slice(0, 4), 4), transposed(f, taps.slice(4, 8), 4)]
      for (let lane = 0; lane < lanes; lane++) {
        f.do(v128.store(target, first[lane]!, 4 * TAPS * lane))
        f.do(v128.store(target, second[lane]!, 4 * TAPS * lane + 16))
        f.do(v128.store32Lane(target, taps[8]!, lane, 4 * TAPS * lane + 32))
      }
    }
    f.for(unit, f.lo, f.hi, 1, () => {
      const first = f.let(i32.shl(unit, 2))
      const left = f.let(i32.sub(out, first))
      const count = out % 4 === 0 ? 4 : select(i32.ltS(left, 4), left, i32.const(4))
      const target = f.let(i32.add(output, i32.mul(first, 4 * TAPS * input)))
      f.for(row, 0, count, 1, () => {
        const line = i32.add(i32.mul(unit, panels * 128), i32.shl(row, 5))
        const source = f.let(i32.add(sums, line))
        f.for(half, 0, Math.floor(input / 4), 1, () => {
          four(f.let(i32.add(source, halfAt(half))), target, 4)
          f.set(target, i32.add(target, 16 * TAPS))
        })
        if (input % 4 > 0) {
          four(f.let(i32.add(source, halfAt(i32.const(Math.floor(input / 4))))), target, input % 4)
          f.set(target, i32.add(target, 4 * TAPS * (input % 4)))
        }
      })
    })
  }
  return {
    routine: { key: `${key} sums`, scratch: 0, build },
    units: Math.ceil(out / 4),
    cost: 4 * 12 * input * parts,
  }
}
