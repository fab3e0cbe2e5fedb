import { show, ValueError } from '../errors.ts'
import { Tensor } from '../tensor.ts'
import type { Model, ModelOutput } from './models/model.ts'
import type { Module } from './module.ts'

/** A model's output with what else was asked for. */
export interface TappedOutput extends ModelOutput {
  /** What the named modules gave. */
  readonly taps: Readonly<Record<string, Tensor>>
}

/**
 * A model's output, and what modules inside it gave on the way: `bn1` is the output of the module at that path, whatever
 * the model is. Names that `forward` itself gives (`stage1`, `penultimate`) need no tap.
 *
 * @throws ValueError where there is no feature and no module of a name, with those there are and their shapes.
 */
export function tapped(model: Model, images: Tensor, names: readonly string[]): TappedOutput {
  if (names.length === 0) return { ...model.forward(images), taps: {} }
  const seen = new Map<string, Tensor>()
  const restore: (() => void)[] = []
  for (const [path, module] of model.namedModules()) {
    if (path === '' || !hasForward(module)) continue
    const { forward } = module
    const own = Object.getOwnPropertyDescriptor(module, 'forward')
    // An own property hides the method of the class until it is deleted again.
    module.forward = (...inputs) => {
      const output = forward.apply(module, inputs)
      if (output instanceof Tensor) seen.set(path, output)
      return output
    }
    restore.push(() =>
      own ? Object.defineProperty(module, 'forward', own) : Reflect.deleteProperty(module, 'forward'),
    )
  }
  try {
    const output = model.forward(images)
    const taps: Record<string, Tensor> = {}
    for (const name of names) {
      const given = output.features[name] ?? output.preActivations?.[name]
      const found = given ?? seen.get(name)
      if (!found)
        throw new ValueError(
          `layers: the model has no ${name}, got ${names.join(', ')}. It gives ${listed(output.features)}; its modules give ${listed(Object.fromEntries(seen))}.`,
        )
      if (!given) taps[name] = found
    }
    return { ...output, taps }
  } finally {
    for (const undo of restore) undo()
  }
}

type Forwards = Module & { forward: (...inputs: unknown[]) => unknown }

const hasForward = (module: Module): module is Forwards =>
  typeof (module as { forward?: unknown }).forward === 'function'

const listed = (tensors: Readonly<Record<string, Tensor>>) =>
  Object.entries(tensors)
    .map(([name, x]) => `${name} ${show(['N', ...x.shape.slice(1)] as unknown as number[])}`)
    .join(', ') || 'nothing'
