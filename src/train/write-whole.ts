import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Writes a file so that whatever happens, a kill or a crash of the machine, it is there whole or as it was before:
 * beside its place, synced, then moved there.
 */
export function writeWhole(path: string, content: string | Uint8Array): void {
  const part = `${path}.part`
  try {
    const file = openSync(part, 'w')
    try {
      writeFileSync(file, content)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(part, path)
  } catch (error) {
    // A full disk must not be left fuller.
    rmSync(part, { force: true })
    throw error
  }
  syncFolder(dirname(path))
}

/** The move itself is safe only when the folder is; Windows cannot sync one, and needs not. */
function syncFolder(path: string): void {
  if (process.platform === 'win32') return
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
