import { placed, readsPlace } from '../coordinates.ts'
import type { ConcatKernel, MapKernel } from '../kernel.ts'
import { gridOf, joinDims, load } from './grid.ts'
import { expand } from './special.ts'
import { buffersOf, NAMES, type Writer } from './text.ts'

/** One expression per output element. */
export function writeMap(w: Writer, kernel: MapKernel): void {
  const buffers = buffersOf(kernel)
  const usesCoords = readsPlace(kernel.expr)
  const { shape, views } = usesCoords
    ? { shape: kernel.out, views: buffers.map((b) => b.view) }
    : joinDims(
        kernel.out,
        buffers.map((b) => b.view),
      )
  const { sides, coords } = gridOf(shape, w.limits)
  let array = 0
  let number = 0
  const values = kernel.inputs.map((view, i) => {
    const value = view ? load(`x${array}`, views[array++]!, coords) : `s${number++}`
    return `let ${NAMES[i]} = ${value};`
  })
  const expr = placed(expand(kernel.expr), coords)
  w.step(
    sides,
    buffers.map((b) => b.source),
    `${values.join(' ')} return ${expr};`,
    number,
  )
}

/** Each output element from the part that covers its place along the dim. */
export function writeConcat(w: Writer, kernel: ConcatKernel): void {
  const { dim } = kernel
  const buffers = buffersOf(kernel)
  const { sides, coords } = gridOf(kernel.out, w.limits)
  const at = coords[dim]!
  let end = 0
  const reads = buffers.map(({ view }, i) => {
    const start = end
    end += view.shape[dim]!
    const within = start === 0 ? at : `(${at} - ${start})`
    return {
      end,
      read: load(
        `x${i}`,
        view,
        coords.map((c, d) => (d === dim ? within : c)),
      ),
    }
  })
  const chosen = reads.reduceRight(
    (rest, { end, read }) => (rest === '' ? read : `${at} < ${end} ? ${read} : (${rest})`),
    '',
  )
  w.step(
    sides,
    buffers.map((b) => b.source),
    `return ${chosen};`,
  )
}
