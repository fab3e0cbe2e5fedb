import { appendFileSync, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { encodeSafetensors } from '../data/safetensors.ts'
import { DataError } from '../errors.ts'
import type { Module } from '../nn/module.ts'

const CONFIG = 'config.json'

/** A folder that holds one run: `config.json`, `metrics.jsonl`, `weights/*.safetensors`, `summary.json`, `curves.svg`. */
export class RunFolder {
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /**
   * Claims `path` for a run by writing its configuration, which no second run can do.
   *
   * @throws DataError where the folder holds a run already or cannot be written.
   */
  static claim(path: string, config: unknown): RunFolder {
    try {
      makeFolder(resolve(path, 'weights'))
      writeFileSync(join(path, CONFIG), json(config), { flag: 'wx' })
    } catch (error) {
      if (codeOf(error) === 'EEXIST' && existsSync(join(path, CONFIG)))
        throw new DataError(`out: the folder holds a run already, got ${path}. Choose another with --out.`)
      throw unwritable(path, error)
    }
    return new RunFolder(path)
  }

  /** Claims the first free one of `base-1`, `base-2`, ... */
  static claimNext(base: string, config: unknown): RunFolder {
    for (let n = 1; ; n++) if (!existsSync(`${base}-${n}`)) return RunFolder.claim(`${base}-${n}`, config)
  }

  /** One line of `metrics.jsonl`; the same run gives the same file. */
  addMetrics(line: object): void {
    this.append('metrics.jsonl', line)
  }

  /** One line of `times.jsonl`: what differs from run to run is kept apart. */
  addTime(line: object): void {
    this.append('times.jsonl', line)
  }

  /** Values may be read from a device, hence the wait. */
  async writeWeights(name: string, network: Module, metadata: Record<string, string>): Promise<void> {
    const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>()
    for (const [key, tensor] of network.stateDict())
      tensors.set(key, { shape: tensor.shape, data: Float32Array.from(await tensor.data()) })
    this.write(join('weights', `${name}.safetensors`), encodeSafetensors(tensors, metadata))
  }

  writeJson(name: string, value: unknown): void {
    this.write(name, json(value))
  }

  /** Whole or not at all: written beside its place, then moved there. */
  write(name: string, content: string | Uint8Array): void {
    const path = join(this.path, name)
    try {
      writeFileSync(`${path}.part`, content)
      renameSync(`${path}.part`, path)
    } catch (error) {
      throw unwritable(path, error)
    }
  }

  private append(name: string, line: object): void {
    const path = join(this.path, name)
    try {
      appendFileSync(path, `${JSON.stringify(line)}\n`)
    } catch (error) {
      throw unwritable(path, error)
    }
  }
}

/** Node's own recursive mkdir never returns where a parent refuses with ENOENT, as /proc does. */
function makeFolder(path: string): void {
  if (existsSync(path)) return
  makeFolder(dirname(path))
  mkdirSync(path)
}

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code ?? 'an unknown error'

const unwritable = (path: string, error: unknown) =>
  new DataError(`out: cannot write, got ${codeOf(error)} for ${path}. Choose a writable folder with --out.`)
