import { ShapeError, show, ValueError } from '../errors.ts'
import { mean } from '../ops/reduce.ts'
import type { Tensor } from '../tensor.ts'
import type { Side } from './batch.ts'

/**
 * Which features a loss compares where `layers` is 'auto'. A map is [N, C, H, W]; the pooled feature is the last vector
 * [N, D], or the mean over positions of the last map where there is none. 'maps and pooled' takes that mean in any case.
 * A map called `stem`, before the first stage, is left out as the published code does, but by 'maps and stem'.
 */
export type LayerKind = (typeof layerKinds)[number]

export const layerKinds = [
  'pooled',
  'last map',
  'middle map',
  'maps',
  'maps and stem',
  'pre-activations',
  'maps and pooled',
] as const

/** One pair of features that a loss compares. */
export interface Layer {
  readonly name: { readonly student: string; readonly teacher: string }
  readonly student: Tensor
  /** Without gradient. Where there is no teacher, the student's own. */
  readonly teacher: Tensor
}

/** What models call the map before their first stage. */
const STEM = 'stem'

/** The name under which the mean over positions of the last map goes. */
const POOLED = 'pooled'

/** The names in a `layers` text: `stage1,stage2`, or `student:teacher` where they differ. Undefined for 'auto'. */
export function layerNames(layers: string): { student: string[]; teacher: string[] } | undefined {
  if (layers === 'auto') return undefined
  const pairs = layers.split(',').map((pair) => pair.split(':').map((name) => name.trim()))
  if (pairs.some((pair) => pair.length > 2 || pair.includes('')))
    throw new ValueError(
      `layers: they are names or pairs of names, got ${layers}. Write them as in stage1,stage2 or stage1:stage2.`,
    )
  return { student: pairs.map(([s]) => s!), teacher: pairs.map(([s, t]) => t ?? s!) }
}

/**
 * The pairs of features that a loss compares.
 *
 * @throws ValueError where a side has no features of the kind, or none of a name: with the names and shapes it has.
 * @throws ShapeError where the two sides have different numbers of them.
 */
export function layersOf(
  id: string,
  kind: LayerKind,
  named: string,
  student: Side,
  teacher: Side | undefined,
): Layer[] {
  const names = layerNames(named)
  const own = pick(id, kind, 'student', student, names?.student)
  const others = teacher ? pick(id, kind, 'teacher', teacher, names?.teacher) : own.map(detach)
  if (own.length !== others.length)
    throw new ShapeError(
      `${id}: student and teacher have different numbers of layers, got ${listed(own)} and ${listed(others)}. Name the pairs, as in layers 'stage1:stage2'.`,
    )
  return own.map(([name, x], i) => ({
    name: { student: name, teacher: others[i]![0] },
    student: x,
    teacher: others[i]![1],
  }))
}

type Named = readonly [name: string, x: Tensor]

const detach = ([name, x]: Named): Named => [name, x.detach()]
const listed = (layers: readonly Named[]) =>
  layers.map(([name, x]) => `${name} ${show(x.shape)}`).join(', ') || 'none'

function pick(
  id: string,
  kind: LayerKind,
  who: string,
  { features = {}, preActivations = {}, taps = {} }: Side,
  names: readonly string[] | undefined,
): readonly Named[] {
  const here =
    kind === 'pre-activations' ? { ...taps, ...features, ...preActivations } : { ...taps, ...features }
  if (names)
    return names.map((name) => {
      if (!Object.hasOwn(here, name))
        throw new ValueError(
          `${id}: the ${who} has no layer ${name}, got layers ${names.join(', ')}. It has ${listed(Object.entries(here))}.`,
        )
      return [name, here[name]!] as const
    })
  const found = automatic(kind, features, preActivations)
  if (found.length === 0)
    throw new ValueError(
      `${id}: the ${who} gives nothing to compare, got features ${listed(Object.entries(here))} where ${wanted[kind]} is needed. Give ${who}: { logits, features } as a model's forward returns them.`,
    )
  return found
}

const wanted: Readonly<Record<LayerKind, string>> = {
  pooled: 'a vector or a map',
  'last map': 'a map [N, C, H, W]',
  'middle map': 'a map [N, C, H, W]',
  maps: 'a map [N, C, H, W]',
  'maps and stem': 'a map [N, C, H, W]',
  'pre-activations': 'a map before its activation',
  'maps and pooled': 'a map [N, C, H, W]',
}

function automatic(
  kind: LayerKind,
  features: Readonly<Record<string, Tensor>>,
  preActivations: Readonly<Record<string, Tensor>>,
): readonly Named[] {
  if (kind === 'pre-activations') return Object.entries(preActivations)
  const all = Object.entries(features)
  const maps = all.filter(([, x]) => x.rank === 4)
  const last = maps.at(-1)
  if (kind === 'maps and stem') return maps
  const stages = maps.filter(([name]) => name !== STEM)
  if (kind === 'maps') return stages
  const pooled = last && ([POOLED, mean(last[1], [2, 3])] as const)
  if (kind === 'maps and pooled') return pooled ? [...stages, pooled] : []
  const one = {
    pooled: all.findLast(([, x]) => x.rank === 2) ?? pooled,
    'middle map': maps[Math.floor(maps.length / 2)],
    'last map': last,
  }[kind]
  return one ? [one] : []
}
