import { f32, type I32, type Index, i32, index, type V128 } from '../wasm/expr.ts'
import type { Func, Local } from '../wasm/func.ts'
import { f32x4, i32x4 } from '../wasm/simd.ts'
import { loadLanes, loadMasked, storeLanes } from './lanes.ts'
import type { Access } from './space.ts'
import type { Place } from './values.ts'

/** What is known of where code stands: coordinates along some dims, and each buffer's address there. */
export interface Frame {
  readonly addresses: ReadonlyMap<Access, I32>
  readonly coordinates: ReadonlyMap<number, Index>
  /** For buffers with masks along those dims: not 0 inside. */
  readonly insides: ReadonlyMap<Access, I32>
}

/** The frame with these coordinates as well, for these of its buffers. `skip` is the lanes' dim. */
export function deeper(
  f: Func,
  frame: Frame,
  coordinates: ReadonlyMap<number, Index>,
  accesses: Iterable<Access>,
  skip: number,
): Frame {
  const all = new Map([...frame.coordinates, ...coordinates])
  const addresses = new Map<Access, I32>()
  const insides = new Map<Access, I32>()
  const shifts = new Map<string, I32>()
  for (const access of accesses) {
    const moves = [...coordinates].filter(([dim]) => access.strides[dim] !== 0)
    const key = moves.map(([dim]) => `${dim}:${access.strides[dim]}`).join()
    const shift =
      shifts.get(key) ?? f.let(sum(moves.map(([dim, at]) => i32.mul(at, 4 * access.strides[dim]!))))
    if (moves.length > 0) shifts.set(key, shift)
    const address = frame.addresses.get(access)!
    addresses.set(access, moves.length > 0 ? f.let(i32.add(address, shift)) : address)

    const known = frame.insides.get(access)
    const masked = access.ranges.flatMap((range, dim) => (range && dim !== skip ? [{ range, dim }] : []))
    if (known) insides.set(access, known)
    else if (masked.length > 0 && masked.every(({ dim }) => all.has(dim)))
      insides.set(
        access,
        f.let(
          masked
            .map(({ range: [low, high], dim }) => i32.ltU(i32.add(all.get(dim)!, -low), high - low))
            .reduce((a, b) => i32.and(a, b)),
        ),
      )
  }
  return { addresses, coordinates: all, insides }
}

const sum = (terms: readonly I32[]): I32 =>
  terms.length === 0 ? i32.const(0) : terms.reduce((a, b) => i32.add(a, b))

/** Where the four lanes of a vector lie along their dim. */
export interface Position {
  readonly dim: number
  /** The first lane's coordinate. */
  readonly first: Index
  /** What of it the frame's addresses do not hold: in elements and in bytes. */
  readonly moving: { readonly elements: Local<'i32'>; readonly bytes: Local<'i32'> } | null
  /** Elements beyond that. */
  readonly plus: number
  /** Lanes that are there, 1 to 4. */
  readonly count: number
  /** How far beyond the frame the vector lies along another dim. */
  readonly beside?: { readonly dim: number; readonly plus: number }
}

/** One place of a frame, with lanes or (null) with what all lanes share. */
export class FramePlace implements Place {
  readonly #f: Func
  readonly #frame: Frame
  readonly #position: Position | null

  constructor(f: Func, frame: Frame, position: Position | null) {
    this.#f = f
    this.#frame = frame
    this.#position = position
  }

  load(access: Access): V128 {
    const inside = this.#frame.insides.get(access) ?? null
    const range = this.#position && access.ranges[this.#position.dim]
    const lanes = this.#lanes(access)
    if (!inside && !range) return loadLanes(this.#f, lanes)
    return loadMasked(this.#f, lanes, {
      inside,
      along: range ? { range, first: this.#position!.first } : null,
    })
  }

  store(access: Access, value: V128): void {
    storeLanes(this.#f, this.#lanes(access), value)
  }

  coordinate(dim: number): V128 {
    const position = this.#position
    const f = this.#f
    if (position?.dim !== dim) {
      const at = index(this.#frame.coordinates.get(dim)!)
      const further = position?.beside?.dim === dim ? i32.add(at, position.beside.plus) : at
      return f.let(f32x4.splat(f32.convertI32(further)))
    }
    return f.let(f32x4.convertI32x4(i32x4.add(i32x4.splat(index(position.first)), i32x4.lanes([0, 1, 2, 3]))))
  }

  #lanes(access: Access) {
    const position = this.#position
    const address = this.#frame.addresses.get(access)!
    if (!position) return { address, plus: 0, stride: 0, count: 4 }
    const { beside } = position
    const stride = access.strides[position.dim]!
    return {
      address: position.moving && stride !== 0 ? i32.add(address, moved(position.moving, stride)) : address,
      plus: 4 * (stride * position.plus + (beside ? access.strides[beside.dim]! * beside.plus : 0)),
      stride,
      count: position.count,
    }
  }
}

const moved = ({ elements, bytes }: NonNullable<Position['moving']>, stride: number): I32 =>
  stride === 1 ? bytes : i32.mul(elements, 4 * stride)
