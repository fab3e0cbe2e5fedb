import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DataError } from '../errors.ts'

const LOCK = 'lock'

/**
 * Keeps other processes out of a run's folder until this one ends. A lock whose process is no more, having been killed,
 * counts for nothing.
 *
 * @throws DataError where another process is at it.
 */
export function lock(folder: string): void {
  const path = join(folder, LOCK)
  for (let tries = 0; ; tries++) {
    try {
      writeFileSync(path, `${process.pid}`, { flag: 'wx' })
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || tries === 2) throw error
      const holder = holderOf(path)
      if (holder !== process.pid && isAlive(holder))
        throw new DataError(
          `out: another process is at this run, got ${holder} for ${folder}. Wait until it ends, or choose another folder.`,
        )
      rmSync(path, { force: true })
    }
  }
  if (held.size === 0) process.once('exit', unlockAll)
  held.add(path)
}

/** Locks of this process. */
const held = new Set<string>()

function unlockAll(): void {
  for (const path of held) if (holderOf(path) === process.pid) rmSync(path, { force: true })
  held.clear()
}

function holderOf(path: string): number {
  try {
    return Number(readFileSync(path, 'utf8'))
  } catch {
    return Number.NaN
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
