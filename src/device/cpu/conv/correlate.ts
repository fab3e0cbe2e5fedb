import type { Recipe } from '../recipe.ts'
import { zero } from '../rows.ts'
import { type Index, i32 } from '../wasm/expr.ts'
import type { Func, Local } from '../wasm/func.ts'
import { type Layout, PHASE } from './layout.ts'
import { copyPlane } from './planes.ts'
import { writeTables } from './tables.ts'
import { PLACE, TOTALS } from './tile.ts'
import { packWeights } from './weights.ts'

/** A correlation as three stages: tables, packed weights, and the products block by block of images. */
export function correlate(key: string, layout: Layout): Recipe {
  const { correlation, tile, panels, block, parts, tables, workspace, scratch } = layout
  const { images, groups, from, to, rows, cols } = correlation
  const name = `conv2d ${key} ${tile.name} ${layout.planes.runs} ${block} ${parts}`
  const outputs = (block * groups * to * rows.out * cols.out) / parts
  const taps = from * rows.kernel * cols.kernel
  return {
    workspace,
    stages: [
      {
        routine: { key: `${name} tables`, scratch: 0, build: (f) => writeTables(f, layout) },
        units: 1,
        cost: tables.weights / 4,
      },
      {
        routine: { key: `${name} weights`, scratch: 0, build: (f) => packWeights(f, layout) },
        units: groups * panels,
        cost: tile.width * taps * 0.5,
      },
      {
        routine: { key: `${name} products`, scratch, build: (f) => multiply(f, layout) },
        units: (images / block) * parts,
        cost: (outputs * taps) / (rows.outStep * cols.outStep * 20),
        completes: outputs,
      },
    ],
  }
}

function multiply(f: Func, layout: Layout): void {
  const { correlation, planes, block } = layout
  const { groups, from, to, rows, cols } = correlation
  const [source, out, workspace] = [f.pointer(0), f.pointer(2), f.pointer(3)]
  const copies = f.let(i32.add(f.scratch, TOTALS))
  if (planes.copied) zero(f, copies, block * layout.imageStep)
  const sourcePlane = 4 * rows.source * cols.source
  const group = f.local('i32')
  eachUnit(f, layout, ({ image, groupsFrom, groupsEnd, panelsFrom, panelsEnd }) => {
    const sourceImage = f.let(i32.add(source, i32.mul(image, groups * from * sourcePlane)))
    const outImage = f.let(i32.add(out, i32.mul(image, 4 * groups * to * rows.out * cols.out)))
    f.for(group, groupsFrom, groupsEnd, 1, () => {
      const sourceGroup = f.let(i32.add(sourceImage, i32.mul(group, from * sourcePlane)))
      if (planes.copied) copyBlock(f, layout, sourceGroup, copies)
      const outGroup = f.let(i32.add(outImage, i32.mul(group, 4 * to * rows.out * cols.out)))
      const read = planes.copied ? copies : sourceGroup
      panelsOf(f, layout, { group, read, outGroup, workspace, panelsFrom, panelsEnd })
    })
  })
}

interface Unit {
  /** The block's first. */
  readonly image: Local<'i32'>
  readonly groupsFrom: Index
  readonly groupsEnd: Index
  readonly panelsFrom: Index
  readonly panelsEnd: Index
}

function eachUnit(
  f: Func,
  { correlation: { groups }, block, parts, panels }: Layout,
  body: (unit: Unit) => void,
) {
  const [unit, image] = [f.local('i32'), f.local('i32')]
  const whole = { image, groupsFrom: 0, groupsEnd: groups, panelsFrom: 0, panelsEnd: panels }
  f.for(unit, f.lo, f.hi, 1, () => {
    f.set(image, i32.mul(i32.divU(unit, parts), block))
    if (parts === 1) body(whole)
    else {
      const share = (groups > 1 ? groups : panels) / parts
      const first = f.let(i32.mul(i32.remU(unit, parts), share))
      const end = f.let(i32.add(first, share))
      if (groups > 1) body({ ...whole, groupsFrom: first, groupsEnd: end })
      else body({ ...whole, panelsFrom: first, panelsEnd: end })
    }
  })
}

/** A group's planes of all images of a block. */
function copyBlock(
  f: Func,
  { correlation, planes, block, imageStep }: Layout,
  source: Local<'i32'>,
  to: Local<'i32'>,
) {
  const { groups, from, rows, cols } = correlation
  const sourcePlane = 4 * rows.source * cols.source
  const [image, channel, read, write] = [f.local('i32'), f.local('i32'), f.local('i32'), f.local('i32')]
  f.for(image, 0, block, 1, () => {
    f.set(read, i32.add(source, i32.mul(image, groups * from * sourcePlane)))
    f.set(write, i32.add(to, i32.mul(image, imageStep)))
    f.for(channel, 0, from, 1, () => {
      copyPlane(f, planes, rows, cols, read, write)
      f.set(read, i32.add(read, sourcePlane))
      f.set(write, i32.add(write, planes.plane))
    })
  })
}

interface GroupLocals {
  readonly group: Local<'i32'>
  /** The group's first plane, as it is read. */
  readonly read: Local<'i32'>
  readonly outGroup: Local<'i32'>
  readonly workspace: Local<'i32'>
  readonly panelsFrom: Index
  readonly panelsEnd: Index
}

function panelsOf(f: Func, layout: Layout, locals: GroupLocals): void {
  const { correlation, panels, tables, tile } = layout
  const { rows, cols, to } = correlation
  const [record, panel, n] = [f.local('i32'), f.local('i32'), f.local('i32')]
  const [taps, tapsEnd, places] = [f.local('i32'), f.local('i32'), f.local('i32')]
  f.set(record, i32.add(locals.workspace, tables.phases))
  f.for(n, 0, rows.phases.length * cols.phases.length, 1, () => {
    f.set(taps, i32.load(record, PHASE.taps))
    f.set(tapsEnd, i32.load(record, PHASE.tapsEnd))
    f.for(panel, locals.panelsFrom, locals.panelsEnd, 1, () => {
      const number = i32.add(i32.mul(locals.group, panels), panel)
      const bytes = i32.mul(i32.sub(tapsEnd, taps), tile.width)
      const weights = f.let(i32.add(i32.load(record, PHASE.weights), i32.mul(number, bytes)))
      const outPanel = i32.mul(panel, 4 * tile.width * rows.out * cols.out)
      const out = f.let(i32.add(locals.outGroup, outPanel))
      const placesEnd = f.let(i32.load(record, PHASE.placesEnd))
      const tiles = (channels: number) => {
        const columnStep = layout.planes.colStep
        const inputs = {
          totals: f.scratch,
          places,
          source: locals.read,
          columnStep,
          taps,
          tapsEnd,
          weights,
          out,
        }
        f.for(places, i32.load(record, PHASE.places), placesEnd, PLACE * tile.entries, () =>
          tile.emit(f, inputs, channels),
        )
      }
      const rest = to % tile.width
      if (rest === 0) tiles(tile.width)
      else if (panels === 1) tiles(rest)
      else
        f.if(
          i32.eq(panel, panels - 1),
          () => tiles(rest),
          () => tiles(tile.width),
        )
    })
    f.set(record, i32.add(record, PHASE.bytes))
  })
}
