import { sizeOf } from '../../../shape.ts'
import type { FusedKernel, FusedValue } from '../../kernel.ts'
import { operandsOf } from './levels.ts'

/**
 * The same kernel with rows only where they are needed: what is left of `dims` are those of rows with several elements,
 * of several rows or of one whose reductions come back to its elements.
 */
export function simplify(kernel: FusedKernel): FusedKernel {
  const { out, dims } = kernel
  const rowSize = sizeOf(dims.map((d) => out[d]!))
  const rows = sizeOf(out.filter((_, d) => !dims.includes(d)))
  if (rowSize === 1) return rowsAsElements(kernel)
  if (needsNoRows(kernel)) return { ...kernel, dims: [] }
  if (rows === 1 && !comesBack(kernel)) return rowAsAll(kernel)
  return {
    ...kernel,
    values: kernel.values.map((value) =>
      value.kind === 'reduce' && value.from === 'row' && value.to === 'row' ? same(value.arg) : value,
    ),
  }
}

const same = (arg: number): FusedValue => ({ kind: 'map', expr: 'a', args: [arg] })

/** Where each row is one element. */
function rowsAsElements(kernel: FusedKernel): FusedKernel {
  return {
    ...kernel,
    dims: [],
    values: kernel.values.map((value) => {
      if (value.kind === 'map') return value
      return value.to === 'row' ? same(value.arg) : { ...value, from: 'element' }
    }),
    stores: kernel.stores.map((store) => (store.level === 'row' ? { ...store, level: 'element' } : store)),
  }
}

const needsNoRows = ({ values, stores }: FusedKernel): boolean =>
  values.every((value) => value.kind === 'map' || (value.to === 'all' && value.from === 'element')) &&
  stores.every(({ level }) => level !== 'row')

/** Where one row is everything, and its reductions need not be known before everything has been seen. */
function rowAsAll(kernel: FusedKernel): FusedKernel {
  return {
    ...kernel,
    dims: [],
    values: kernel.values.map((value) => {
      if (value.kind === 'map') return value
      return value.from === 'row' ? same(value.arg) : { ...value, to: 'all' }
    }),
    stores: kernel.stores.map((store) => (store.level === 'row' ? { ...store, level: 'all' } : store)),
  }
}

/** Whether a reduction over a row is used at its elements. */
function comesBack(kernel: FusedKernel): boolean {
  const operands = operandsOf(kernel)
  const first = kernel.inputs.length
  return (
    kernel.values.some((value, v) => {
      if (value.kind === 'reduce') return value.from === 'element' && operands[value.arg]!.afterRow
      return operands[first + v]!.afterRow && operands[first + v]!.along.size > 0
    }) || kernel.stores.some(({ value, level }) => level === 'element' && operands[value]!.afterRow)
  )
}
