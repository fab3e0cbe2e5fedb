import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DataError } from '../errors.ts'

const LOCK = 'lock'

/**
 * Keeps other processes out of a run's folder until this one ends. A lock whose process is no more, having been killed,
 * counts for nothing.
 *
 * @throws DataError where another process is at it. Throws what the file system throws.
 */
export function lock(folder: string): void {
  const path = join(folder, LOCK)
  const own = `${path}.${process.pid}`
  // The lock appears with its content, at once.
  writeFileSync(own, `${process.pid}`)
  try {
    while (!linked(own, path)) {
      const holder = holderOf(path)
      if (holder === process.pid) break
      if (isAlive(holder)) throw taken(path, holder, folder)
      takeAway(path, holder, folder)
    }
  } finally {
    rmSync(own, { force: true })
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

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Removes a dead process's lock, but not one that somebody else has put in its place meanwhile. */
function takeAway(path: string, dead: number, folder: string): void {
  const aside = `${path}.${process.pid}.old`
  try {
    renameSync(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  const moved = holderOf(aside)
  const fresh = !Object.is(moved, dead) && isAlive(moved)
  if (fresh) linked(aside, path)
  rmSync(aside, { force: true })
  if (fresh) throw taken(path, moved, folder)
}

const taken = (path: string, holder: number, folder: string) =>
  new DataError(
    `out: another process is at this run, got ${holder} for ${folder}. Wait until it ends, or choose another folder; if ${holder} is no kdgrad, delete ${path}.`,
  )

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
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return !isZombie(pid)
}

/** Whether a process has ended and nobody has taken note, as in containers without an init. */
function isZombie(pid: number): boolean {
  try {
    return /^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
