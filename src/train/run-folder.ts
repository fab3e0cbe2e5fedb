import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { makeFolder } from '../data/make-folder.ts'
import { encodeSafetensors, type SafetensorsEntry } from '../data/safetensors.ts'
import { DataError } from '../errors.ts'
import type { Tensor } from '../tensor.ts'
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint.ts'
import { entryOf } from './entries.ts'
import type { ExperimentState, RunName } from './experiment.ts'
import type { EpochMetrics } from './fit.ts'
import { lock } from './lock.ts'
import { readWeights } from './weights-file.ts'
import { writeWhole } from './write-whole.ts'

const CONFIG = 'config.json'
const CHECKPOINT = 'checkpoint.safetensors'
const METRICS = 'metrics.jsonl'

/**
 * A folder that holds one run: `config.json`, `metrics.jsonl`, `weights/*.safetensors`, `summary.json`, `curves.svg`,
 * and `checkpoint.safetensors` from which it can go on.
 */
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
    const taken = () => {
      if (existsSync(join(path, CONFIG)))
        throw new DataError(`out: the folder holds a run already, got ${path}. Choose another with --out.`)
    }
    taken()
    try {
      makeFolder(resolve(path, 'weights'))
      lock(path)
      // Whoever had the lock before may have written it.
      taken()
      writeWhole(join(path, CONFIG), json(config))
    } catch (error) {
      throw error instanceof DataError ? error : unwritable(path, error)
    }
    return new RunFolder(path)
  }

  /**
   * Opens the folder of a run, to go on with it.
   *
   * @throws DataError where another process is at it.
   */
  static reopen(path: string): RunFolder {
    try {
      lock(path)
    } catch (error) {
      throw error instanceof DataError ? error : unwritable(path, error)
    }
    return new RunFolder(path)
  }

  /** Claims the first free one of `base-1`, `base-2`, ... */
  static claimNext(base: string, config: unknown): RunFolder {
    for (let n = 1; ; n++) if (!existsSync(`${base}-${n}`)) return RunFolder.claim(`${base}-${n}`, config)
  }

  /** One line of `metrics.jsonl`; the same run gives the same file. */
  addMetrics(entry: object): void {
    this.append(METRICS, entry)
  }

  /** One line of `times.jsonl`: what differs from run to run is kept apart. */
  addTime(entry: object): void {
    this.append('times.jsonl', entry)
  }

  /** Values may be read from a device, hence the wait. */
  async writeWeights(
    name: string,
    weights: ReadonlyMap<string, Tensor>,
    metadata: Record<string, string>,
  ): Promise<void> {
    const tensors = new Map<string, SafetensorsEntry>()
    for (const [key, values] of weights) tensors.set(key, await entryOf(values))
    this.write(weightsFile(name), encodeSafetensors(tensors, metadata))
  }

  /** What `writeWeights` wrote under this name. */
  readWeights(name: string): Map<string, Tensor> {
    return readWeights(join(this.path, weightsFile(name)))
  }

  /** Replaces the checkpoint; the one before stays until this one is safely on the disk. */
  async writeCheckpoint(state: ExperimentState, experiment: string): Promise<void> {
    this.write(CHECKPOINT, await encodeCheckpoint(state, experiment))
  }

  /** The last checkpoint; nothing finished where there is none yet. */
  async readCheckpoint(experiment: string): Promise<ExperimentState> {
    if (!existsSync(join(this.path, CHECKPOINT))) return { finished: [] }
    return decodeCheckpoint(this.read(CHECKPOINT), join(this.path, CHECKPOINT), experiment)
  }

  /** Makes `metrics.jsonl` what it was at a checkpoint. */
  rewindMetrics({ finished, current }: ExperimentState): void {
    const linesOf = ({ row, seed, stage }: RunName, history: readonly EpochMetrics[]) =>
      history.map((metrics) => line({ row, seed, ...(stage === undefined ? {} : { stage }), ...metrics }))
    const runs = [
      ...finished.map((record) => ({
        run: record as RunName,
        stages: record.stages,
        history: record.history,
      })),
      ...(current ? [{ run: current.run, stages: current.stages, history: current.fit.history }] : []),
    ]
    const lines = runs.flatMap(({ run, stages, history }) => [
      ...stages.flatMap(({ stage, history }) => linesOf({ ...run, stage }, history)),
      ...linesOf(run, history),
    ])
    this.write(METRICS, lines.join(''))
  }

  writeJson(name: string, value: unknown): void {
    this.write(name, json(value))
  }

  /** Whole or not at all. */
  write(name: string, content: string | Uint8Array): void {
    const path = join(this.path, name)
    try {
      writeWhole(path, content)
    } catch (error) {
      throw unwritable(path, error)
    }
  }

  private read(name: string): Uint8Array {
    const path = join(this.path, name)
    try {
      return readFileSync(path)
    } catch (error) {
      throw unreadable(path, error)
    }
  }

  private append(name: string, entry: object): void {
    const path = join(this.path, name)
    try {
      appendFileSync(path, line(entry))
    } catch (error) {
      throw unwritable(path, error)
    }
  }
}

const weightsFile = (name: string) => join('weights', `${name}.safetensors`)

/** The name of a run's files in `weights`. */
export const fileOf = ({ row, seed }: RunName): string =>
  `${row
    .replaceAll('*', 'x')
    .replaceAll(/-(?=[\d.])/g, 'minus')
    .replaceAll(/[^\w.]+/g, '-')}-seed${seed}`

const line = (entry: object) => `${JSON.stringify(entry)}\n`
const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code ?? 'an unknown error'

const unwritable = (path: string, error: unknown) =>
  new DataError(
    `out: cannot write, got ${codeOf(error)} for ${path}. ${codeOf(error) === 'ENOSPC' ? 'Free some space, then go on with --resume.' : 'Choose a writable folder with --out.'}`,
  )

const unreadable = (path: string, error: unknown) =>
  new DataError(`resume: cannot read, got ${codeOf(error)} for ${path}. Check the folder.`)
