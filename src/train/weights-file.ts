import { readFileSync } from 'node:fs'
import { decodeSafetensors } from '../data/safetensors.ts'
import { DataError } from '../errors.ts'
import type { Tensor } from '../tensor.ts'
import { tensorOf } from './entries.ts'

/**
 * The tensors in a safetensors file by name, such as a state dict that PyTorch has saved.
 *
 * @throws DataError where it cannot be read or is damaged.
 */
export function readWeights(path: string): Map<string, Tensor> {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(path)
  } catch (error) {
    throw new DataError(
      `weights: cannot read ${path}, got ${(error as NodeJS.ErrnoException).code ?? error}. Check the path.`,
    )
  }
  const { tensors } = decodeSafetensors(bytes, path)
  return new Map([...tensors].map(([key, entry]) => [key, tensorOf(entry)]))
}
