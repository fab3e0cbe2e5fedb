import { ValueError } from '../../errors.ts'
import { where } from '../../ops/elementwise.ts'
import { embedding } from '../../ops/lookup.ts'
import { type Tensor, tensor } from '../../tensor.ts'

/**
 * `table` [R, D] with the rows at `index` [N] replaced by `rows` [N, D]; of two rows for one place the later one stays.
 * Takes R * D steps whatever N is: each row of the table looks up where its new values are.
 */
export function replaceRows(table: Tensor, index: Tensor<'int'>, rows: Tensor): Tensor {
  const [size, width] = table.shape as [number, number]
  const places = indicesOf(index)
  const from = new Int32Array(size)
  const replaced = new Uint8Array(size)
  places.forEach((place, i) => {
    from[place] = i
    replaced[place] = 1
  })
  const mask = tensor(replaced, [size, 1], 'bool').expand([size, width])
  return where(mask, embedding(tensor(from, [size]), rows), table)
}

/** The numbers of an index that is known on the host. */
export function indicesOf(index: Tensor<'int'>): Int32Array {
  if (!index.host)
    throw new ValueError(
      `index: its numbers must be known on the host, got ${index}. Make it with tensor(Int32Array).`,
    )
  return Int32Array.from(index.host)
}
