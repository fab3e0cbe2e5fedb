import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Failed, Ready, Reply, Request } from './protocol.ts'

/** How to start a process. */
export interface Program {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** What went wrong in a participant's process: a line for the table, no fault of the driver. */
export class ParticipantError extends Error {}

const alive = new Set<ChildProcessWithoutNullStreams>()
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))

export function start({ command, args, env }: Program): ChildProcessWithoutNullStreams {
  const child = spawn(command, args, { env: { ...process.env, ...env } })
  alive.add(child)
  child.on('close', () => alive.delete(child))
  // A process that ends early leaves requests unread; its exit is what gets reported.
  child.stdin.on('error', () => {})
  return child
}

/** Seconds within which a process has to answer. */
const PATIENCE = 400

/** A participant's process, asked one thing after the other. */
export class Child {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #lines: AsyncIterator<string>
  readonly #patience: number
  #complaints = ''
  #failure: string | undefined

  private constructor(program: Program, patience: number) {
    this.#patience = patience
    this.#child = start(program)
    this.#child.on('error', ({ message }) => {
      this.#failure = message
    })
    this.#child.stderr.on('data', (text) => {
      this.#complaints = `${this.#complaints}${text}`.slice(-4000)
    })
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  /**
   * Starts the process and waits until it is ready: the process, and what it says that it is.
   *
   * @throws ParticipantError where it fails or is not ready in `patience` seconds.
   */
  static async start(
    program: Program,
    patience = PATIENCE,
  ): Promise<{ readonly child: Child; readonly ready: string }> {
    const child = new Child(program, patience)
    try {
      const { ready } = await child.#reply<Ready>()
      return { child, ready }
    } catch (error) {
      child.stop()
      throw error
    }
  }

  /** @throws ParticipantError where it says that it failed, ends, or does not answer in time; then it is stopped. */
  ask<R extends Request>(request: R): Promise<Exclude<Reply<R>, Failed>> {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`)
    return this.#reply()
  }

  async #reply<T>(): Promise<T> {
    for (;;) {
      const line = await this.#line()
      // Libraries may greet on stdout.
      if (!line.startsWith('{')) continue
      const reply = JSON.parse(line) as T | Failed
      if (typeof reply === 'object' && reply !== null && 'error' in reply)
        throw new ParticipantError(reply.error)
      return reply as T
    }
  }

  async #line(): Promise<string> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(resolve, this.#patience * 1000, 'late')
    })
    try {
      const next = await Promise.race([this.#lines.next(), late])
      if (next === 'late') throw new ParticipantError(`no answer in ${this.#patience} s`)
      if (next.done) throw new ParticipantError(await this.#ended())
      return next.value
    } catch (error) {
      this.stop()
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  /** Why the process is no more: the last thing it complained about. */
  async #ended(): Promise<string> {
    if (this.#child.exitCode === null && this.#child.signalCode === null && this.#failure === undefined)
      await new Promise((resolve) => this.#child.once('close', resolve))
    const said = errorLine(this.#complaints)
    return this.#failure ?? said ?? `ended with ${this.#child.signalCode ?? `code ${this.#child.exitCode}`}`
  }

  stop(): void {
    this.#child.kill('SIGKILL')
  }
}

/** The line of a stack trace that says what is wrong: Python puts it last, Node first after the code it shows. */
export function errorLine(complaints: string): string | undefined {
  const lines = complaints
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  return lines.findLast((line) => /^\w*(Error|Exception)\b.*:/.test(line)) ?? lines.at(-1)
}
