import { sizeOf } from '../../shape.ts'
import { contiguous, isContiguous, type View } from '../../view.ts'
import type { ChainKernel, Kernel } from '../kernel.ts'
import { outputSizes } from '../outputs.ts'
import { followed } from './follow.ts'
import { copyKernel } from './loop.ts'
import type { Recipe, RecipeOptions, Stage } from './recipe.ts'
import { isArg, recipeOf } from './recipes.ts'

/** All calls that a kernel takes, over a table of buffers: its inputs, its outputs, then temporary ones. */
export interface Script {
  /** Bytes of each temporary buffer. */
  readonly temporaries: readonly number[]
  readonly calls: readonly Call[]
}

export interface Call {
  readonly stage: Stage
  /** Places in the table of buffers. */
  readonly buffers: readonly number[]
  /** Which of the kernel's numbers. */
  readonly numbers: readonly number[]
}

export type KernelOptions = RecipeOptions & { readonly winograd: boolean }

/** Where a kernel's inputs come from, in its own order: places in the table, or which of the numbers. */
type From = { readonly place: number } | { readonly number: number }

export function scriptOf(kernel: Kernel, options: KernelOptions): Script {
  let [place, number] = [0, 0]
  const from = kernel.inputs.map((view): From => (view ? { place: place++ } : { number: number++ }))
  const outs = outputSizes(kernel).map(() => place++)
  const writer = new Writer(place, options)
  writer.add(kernel, from, outs)
  return writer
}

class Writer implements Script {
  readonly temporaries: number[] = []
  readonly calls: Call[] = []
  readonly #fixed: number
  readonly #options: KernelOptions

  constructor(fixed: number, options: KernelOptions) {
    this.#fixed = fixed
    this.#options = options
  }

  add(kernel: Kernel, from: readonly From[], outs: readonly number[]): void {
    if (kernel.kind === 'chain') {
      this.#chain(kernel, from, outs)
      return
    }
    const { stages, buffers, numbers } = this.#prepared(kernel, from, outs)
    for (const stage of stages) this.calls.push({ stage, buffers, numbers })
  }

  #chain({ first, after, link, keeps }: ChainKernel, from: readonly From[], outs: readonly number[]): void {
    const rest = from.slice(first.inputs.length)
    const own = keeps ? outs.slice(1) : outs
    const over = own[after.stores.findIndex(({ level }) => level === 'element')]
    const inPlace = over !== undefined && recipeOf(after, this.#options).inPlace
    const between = keeps ? outs[0]! : inPlace ? over : this.#temporary(4 * sizeOf(first.out))
    const before = this.#prepared(first, from.slice(0, first.inputs.length), [between])
    const behind = this.#prepared(
      after,
      [...rest.slice(0, link), { place: between }, ...rest.slice(link)],
      own,
    )
    const joined = followed(before.stages.at(-1)!, behind.stages, before.buffers.length)
    for (const stage of before.stages.slice(0, joined ? -1 : undefined))
      this.calls.push({ stage, buffers: before.buffers, numbers: [] })
    if (joined)
      this.calls.push({
        stage: joined,
        buffers: [...before.buffers, ...behind.buffers],
        numbers: behind.numbers,
      })
    else for (const stage of behind.stages) this.calls.push({ ...behind, stage })
  }

  /** The kernel's stages and their arguments; inputs that it cannot read as they lie are copied first. */
  #prepared<K extends Exclude<Kernel, ChainKernel>>(
    kernel: K,
    from: readonly From[],
    outs: readonly number[],
  ) {
    const straight: (View | null)[] = []
    const buffers: number[] = []
    const numbers: number[] = []
    from.forEach((source, i) => {
      const view = kernel.inputs[i]!
      if ('number' in source) {
        numbers.push(source.number)
        straight.push(null)
      } else if (readable(kernel, view)) {
        buffers.push(source.place)
        straight.push(view)
      } else {
        const copy = this.#temporary(4 * sizeOf(view.shape))
        this.add(copyKernel(view), [source], [copy])
        buffers.push(copy)
        straight.push(contiguous(view.shape))
      }
    })
    const { stages, workspace }: Recipe = recipeOf({ ...kernel, inputs: straight }, this.#options)
    buffers.push(...outs)
    if (workspace > 0) buffers.push(this.#temporary(workspace))
    return { stages, buffers, numbers }
  }

  #temporary(bytes: number): number {
    return this.#fixed + this.temporaries.push(bytes) - 1
  }
}

/** Whether a kernel can read an input as it lies. */
function readable(kernel: Kernel, view: View): boolean {
  switch (kernel.kind) {
    case 'map':
    case 'fused':
      return true
    case 'reduce':
      return !isArg(kernel) || view.mask === null
    case 'matmul':
    case 'gather':
    case 'scatter':
    case 'concat':
      return view.mask === null
    default:
      return isContiguous(view)
  }
}
