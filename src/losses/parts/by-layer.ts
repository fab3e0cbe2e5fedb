import type { Module } from '../../nn/module.ts'
import type { Random } from '../../random.ts'
import type { Tensor } from '../../tensor.ts'
import type { Layer } from '../layers.ts'

type Network = Module & { forward(x: Tensor): Tensor }

const nameOf = (i: number) => `layer${i + 1}`

/** Adapters by layer, `layer1`, `layer2`, ...: one for each that `make` makes one for. */
export function byLayer<M extends Module>(
  layers: readonly Layer[],
  random: Random,
  make: (layer: Layer, random: Random) => M | undefined,
): Record<string, M> {
  return Object.fromEntries(
    layers.flatMap((layer, i) => {
      const made = make(layer, random.fork(nameOf(i)))
      return made ? [[nameOf(i), made] as const] : []
    }),
  )
}

/** The layer's adapter, where it has one. */
export const adapterOf = <M extends Module>(
  adapters: Readonly<Record<string, M>>,
  i: number,
): M | undefined => adapters[nameOf(i)]

/** The layers with the student's side put through its adapter; unchanged where there is none. */
export const adapted = (layers: readonly Layer[], adapters: Readonly<Record<string, Network>>): Layer[] =>
  layers.map((layer, i) => ({
    ...layer,
    student: adapterOf(adapters, i)?.forward(layer.student) ?? layer.student,
  }))
