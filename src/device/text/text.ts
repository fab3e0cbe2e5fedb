import { DeviceError } from '../../errors.ts'
import { isContiguous, type View } from '../../view.ts'
import type { Kernel } from '../kernel.ts'
import { gridOf, joinDims, type Limits, load } from './grid.ts'

/** One loop over output cells, as statements that end in `return <value>`. */
export interface TextStep {
  readonly name: string
  /** Sides of the thread grid, x (written `$x`) first. */
  readonly grid: readonly number[]
  /** The arrays `x0`, `x1`, ... it reads: inputs of the kernel by number, or earlier steps. */
  readonly arrays: readonly Source[]
  /** How many numbers `s0`, `s1`, ... it takes. */
  readonly scalars: number
  readonly body: string
}

/** The kernel's n-th buffer, or the result of the n-th step. */
export type Source = { readonly input: number } | { readonly step: number }

/** A kernel as one or several steps; the last one's result is the kernel's. */
export type TextProgram = readonly TextStep[]

/** Collects the steps of a kernel. Views that a form cannot read as they are get a copying step first. */
export class Writer {
  readonly steps: TextStep[] = []
  readonly limits: Limits
  private readonly name: string

  constructor(kernel: Kernel, limits: Limits) {
    this.name = kernel.kind
    this.limits = limits
  }

  step(grid: readonly number[], arrays: readonly Source[], body: string, scalars = 0): Source {
    this.#checkRounds(body)
    this.steps.push({ name: this.name, grid, arrays, scalars, body })
    return { step: this.steps.length - 1 }
  }

  #checkRounds(body: string): void {
    const { rounds } = this.limits
    if (rounds === undefined) return
    const made = roundsOf(body)
    if (made > rounds)
      throw new DeviceError(
        `${this.name}: this device cuts loops short after ${rounds} rounds, got ${made}. Split the tensor, or use the device 'cpu'.`,
      )
  }

  /** An input as elements in order: itself where it is that already, else a copy. */
  compact(source: Source, view: View): Source {
    return isContiguous(view) ? source : this.copy(source, view)
  }

  copy(source: Source, view: View): Source {
    const joined = joinDims(view.shape, [view])
    const { sides, coords } = gridOf(joined.shape, this.limits)
    return this.step(sides, [source], `return ${load('x0', joined.views[0]!, coords)};`)
  }
}

/** A buffer and how a kernel reads it. */
export interface Operand {
  readonly source: Source
  readonly view: View
}

/** What formulas call their operands, in order. */
export const NAMES = 'abcdefgh'

/** The kernel's buffers in order, each with its view. */
export function buffersOf(kernel: Kernel): Operand[] {
  let input = 0
  return kernel.inputs.flatMap((view) => (view ? [{ source: { input: input++ }, view }] : []))
}

/** A `for` over a literal number of rounds. */
export const loop = (variable: string, rounds: number, body: string): string =>
  `for (let ${variable} = 0; ${variable} < ${rounds}; ${variable}++) { ${body} }`

/** How many rounds the loops of these statements make together. */
export function roundsOf(body: string): number {
  const open = [1]
  let total = 0
  for (const [token, rounds] of body.matchAll(/for \(let \w+ = 0; \w+ < (\d+); \w+\+\+\) \{|[{}]/g)) {
    if (token === '}') open.pop()
    else open.push(open.at(-1)! * Number(rounds ?? 1))
    if (rounds) total += open.at(-1)!
  }
  return total
}

/** Longest run of additions into one partial sum: error grows with its length, not with that of the whole sum. */
const RUN = 64

/**
 * Adds `term(coordinates)` over all coordinates of `sizes` to the variable `into`, in nested partial sums. Long runs are
 * split, so that a float32 sum of a million terms keeps its last digits.
 */
export function sumLoops(into: string, sizes: readonly number[], term: (coords: string[]) => string): string {
  let names = 0
  const nest = (target: string, coords: string[]): string => {
    const n = sizes[coords.length]
    if (n === undefined) return `${target} += ${term(coords)};`
    const r = `r${names++}`
    const within = (part: string, coord: string) =>
      `let ${part} = 0.0; ${nest(part, [...coords, coord])} ${target} += ${part};`
    if (n <= 2 * RUN)
      return coords.length === sizes.length - 1
        ? loop(r, n, nest(target, [...coords, r]))
        : loop(r, n, within(`p${names++}`, r))
    const [blocks, rest] = [Math.floor(n / RUN), n % RUN]
    const part = `p${names++}`
    const w = `w${names++}`
    const block = `let ${part} = 0.0; ${loop(w, RUN, nest(part, [...coords, `(${r} * ${RUN} + ${w})`]))} ${target} += ${part};`
    const t = `t${names++}`
    const tail = rest === 0 ? '' : loop(t, rest, nest(target, [...coords, `(${t} + ${blocks * RUN})`]))
    return `${loop(r, blocks, block)} ${tail}`
  }
  return nest(into, [])
}

/** Terms added in one statement: the loop's own cost and the common part of the addresses are shared. */
const UNROLL = 8

/** Terms added pair by pair: the shortest way for each through the additions that round. */
export function added(terms: readonly string[]): string {
  if (terms.length === 1) return terms[0]!
  const half = Math.ceil(terms.length / 2)
  return `(${added(terms.slice(0, half))} + ${added(terms.slice(half))})`
}

/**
 * Runs `use(sum of up to eight terms)` until every `term(coordinates)` over all coordinates of `sizes` has been in one:
 * the last dim is written out eight at a time, or one at a time where terms are long.
 */
export function inEights(
  sizes: readonly number[],
  term: (coords: string[]) => string,
  loops: (sizes: readonly number[], use: (coords: string[]) => string) => string,
  long = false,
): string {
  if (sizes.length === 0) return loops([], () => term([]))
  if (long) return loops(sizes, term)
  const outer = sizes.slice(0, -1)
  const n = sizes.at(-1)!
  const [whole, rest] = [Math.floor(n / UNROLL), n % UNROLL]
  const together = (count: number, coords: string[], at: (j: number) => string) =>
    added(Array.from({ length: count }, (_, j) => term([...coords, at(j)])))
  const main = () =>
    loops([...outer, whole], (coords) => {
      const block = coords.at(-1)!
      return together(UNROLL, coords.slice(0, -1), (j) => `(${block} * ${UNROLL} + ${j})`)
    })
  const tail = () => loops(outer, (coords) => together(rest, coords, (j) => String(whole * UNROLL + j)))
  return `${whole > 0 ? main() : ''} ${rest > 0 ? tail() : ''}`
}

/** Adds `term(coordinates)` over all coordinates of `sizes` to `s`, eight at a time, in nested partial sums. */
export const sumUnrolled = (sizes: readonly number[], term: (coords: string[]) => string): string =>
  inEights(sizes, term, (dims, use) => sumLoops('s', dims, use))
