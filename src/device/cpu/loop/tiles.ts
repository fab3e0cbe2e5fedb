import { transposed } from '../transposed.ts'
import { type Index, i32, index, select, type V128 } from '../wasm/expr.ts'
import type { Func } from '../wasm/func.ts'
import { type Frame, FramePlace, type Position } from './frame.ts'
import { loadLanes } from './lanes.ts'
import { type Design, LEVELS, type Nest } from './nest.ts'
import { isTransposed } from './schedule.ts'
import type { Access } from './space.ts'
import { type Place, Scope } from './values.ts'

/** Places along the second dim that a unit takes: as many as a cache line of what is read along it holds. */
const BLOCK = 16

/** Units of a design with tiles. */
export function unitsOfTiles({ program: { space }, schedule }: Design): number {
  const blocks = Math.ceil(space.dims[schedule.beside!]!.size / BLOCK)
  return schedule.units.reduce((product, d) => product * space.dims[d]!.size, blocks)
}

/**
 * Goes through the units in [from, to) in tiles of 4 by 4: vectors along one dim, four of them side by side along
 * another, along which some buffers are read and transposed. Where four do not divide a dim, the last tiles overlap.
 */
export function goInTiles(nest: Nest, from: Index, to: Index): void {
  const { f, design } = nest
  const { program, schedule, passes } = design
  const [pass] = passes.passes
  const [lane, beside] = [schedule.lane, schedule.beside!]
  const size = (d: number) => program.space.dims[d]!.size
  const width = Math.min(BLOCK, size(beside))
  const least = (a: Index, b: number) => f.let(select(i32.ltS(a, b), index(a), i32.const(b)))
  const blocks = Math.ceil(size(beside) / BLOCK)
  nest.overUnits([...schedule.units.map(size), blocks], from, to, (coordinates) => {
    const unit = nest.unitFrame(schedule.units, coordinates)
    const scope = new Scope(new FramePlace(f, unit, null), nest.outermost)
    nest.values.prepare(pass!.needs, scope, (operand) => nest.levelOf(operand) === LEVELS.unit)
    const start = least(f.let(i32.mul(coordinates.at(-1)!, BLOCK)), size(beside) - width)
    const accesses = [...unit.addresses.keys()]
    const [at, row] = [f.local('i32'), f.local('i32')]
    f.for(at, 0, size(lane), 4, () => {
      const first = least(at, size(lane) - 4)
      const line = nest.deeper([unit], lane, first, accesses)
      f.for(row, 0, width, 4, () => {
        const second = f.let(i32.add(start, least(row, width - 4)))
        const tile = new Tile(f, nest.deeper(line, beside, second, accesses)[0]!, lane, beside)
        for (let plus = 0; plus < 4; plus++) {
          const place = tile.row({
            dim: lane,
            first,
            moving: null,
            plus: 0,
            count: 4,
            beside: { dim: beside, plus },
          })
          nest.vector(pass!, place, new Scope(place, scope), () => {})
        }
      })
    })
  })
}

/** Four rows of four lanes. */
class Tile {
  readonly #f: Func
  readonly #frame: Frame
  readonly #lane: number
  readonly #beside: number
  readonly #transposed = new Map<Access, V128[]>()

  constructor(f: Func, frame: Frame, lane: number, beside: number) {
    this.#f = f
    this.#frame = frame
    this.#lane = lane
    this.#beside = beside
  }

  row(position: Position): Place {
    const place = new FramePlace(this.#f, this.#frame, position)
    return {
      load: (access) =>
        isTransposed(access, this.#lane, this.#beside)
          ? this.#rows(access)[position.beside!.plus]!
          : place.load(access),
      store: (access, value) => place.store(access, value),
      coordinate: (dim) => place.coordinate(dim),
    }
  }

  #rows(access: Access): V128[] {
    const known = this.#transposed.get(access)
    if (known) return known
    const [across, stride] = [access.strides[this.#lane]!, access.strides[this.#beside]!]
    const address = this.#frame.addresses.get(access)!
    const column = (k: number) => loadLanes(this.#f, { address, plus: 4 * across * k, stride, count: 4 })
    const rows = transposed(this.#f, [0, 1, 2, 3].map(column), 4)
    this.#transposed.set(access, rows)
    return rows
  }
}
