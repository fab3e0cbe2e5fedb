import { sizeOf } from '../../shape.ts'
import { contiguous, isContiguous, type View } from '../../view.ts'
import { copyKernel } from '../as-fused.ts'
import type { ChainKernel, Kernel } from '../kernel.ts'
import { outputSizes } from '../outputs.ts'
import { followed } from './follow.ts'
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
    const { stages, buffers, numbers } = this.#bound(this.#prepared(kernel), from, outs)
    for (const stage of stages) this.calls.push({ stage, buffers, numbers })
  }

  #chain({ first, after, link, keeps }: ChainKernel, from: readonly From[], outs: readonly number[]): void {
    const rest = from.slice(first.inputs.length)
    const own = keeps ? outs.slice(1) : outs
    const over = own[after.stores.findIndex(({ level }) => level === 'element')]
    const following = this.#prepared(after)
    const inPlace = over !== undefined && following.recipe.inPlace
    const between = keeps ? outs[0]! : inPlace ? over : this.#temporary(4 * sizeOf(first.out))
    const before = this.#bound(this.#prepared(first), from.slice(0, first.inputs.length), [between])
    const behind = this.#bound(
      following,
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

  /** The kernel's recipe, and which inputs it cannot read as they lie: these are copied before. */
  #prepared<K extends Exclude<Kernel, ChainKernel>>(kernel: K) {
    const copied = kernel.inputs.map((view) => (view && !readable(kernel, view) ? view : null))
    const inputs = kernel.inputs.map((view, i) => (copied[i] ? contiguous(copied[i].shape) : view))
    const recipe: Recipe = recipeOf({ ...kernel, inputs }, this.#options)
    return { recipe, copied }
  }

  /** The recipe's stages and their arguments. */
  #bound(
    { recipe, copied }: { recipe: Recipe; copied: readonly (View | null)[] },
    from: readonly From[],
    outs: readonly number[],
  ) {
    const buffers: number[] = []
    const numbers: number[] = []
    from.forEach((source, i) => {
      const view = copied[i]
      if ('number' in source) numbers.push(source.number)
      else if (!view) buffers.push(source.place)
      else {
        const copy = this.#temporary(4 * sizeOf(view.shape))
        this.add(copyKernel(view), [source], [copy])
        buffers.push(copy)
      }
    })
    buffers.push(...outs)
    if (recipe.workspace > 0) buffers.push(this.#temporary(recipe.workspace))
    return { stages: recipe.stages, buffers, numbers }
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
