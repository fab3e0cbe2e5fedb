import { type AnyLoss, type LayerKind, type Need, needs, type Part } from '../losses/index.ts'

// What the command line and docs/losses.md say of a loss: the same words in both.

/** Everything that there is to know about a loss without running it. */
export interface Description {
  readonly id: string
  readonly title: string
  /** Paper, formula, needs and the like, each under its name, as far as the loss has them. */
  readonly facts: readonly (readonly [name: string, text: string])[]
  /** One row per parameter under `parameterHead`. */
  readonly parameters: readonly (readonly string[])[]
}

export const parameterHead = ['parameter', 'default', 'must', 'the default is from'] as const

export function describeLoss(loss: AnyLoss): Description {
  const { id, about, layers } = loss
  const facts: (readonly [string, string | undefined])[] = [
    ['paper', about.paper],
    ['formula', about.formula],
    ['variant', about.variant],
    ['needs', listed(loss.needs.map((need) => needs[need].what))],
    ['layers', layers && layersText[layers]],
    ['weights', weightsOf(loss)],
    ['beside it', loss.has.map((part) => partText[part]).join('; ') || 'nothing: no adapters, no state'],
  ]
  return {
    id,
    title: about.title ?? id,
    facts: facts.flatMap(([name, text]) => (text ? [[name, text] as const] : [])),
    parameters: Object.entries(loss.parameters).map(([name, { value, must, source }]) =>
      layers && name === 'layers'
        ? [
            name,
            String(value),
            'name layers: stage1,stage2 or student:teacher',
            'this library: see layers above',
          ]
        : [name, String(value), must, source],
    ),
  }
}

export const summaryHead = ['loss', 'paper', 'formula', 'defaults', 'needs'] as const

/** A row under `summaryHead`. */
export function summaryOf(loss: AnyLoss): readonly string[] {
  const { id, about, defaults, layers } = loss
  const own = Object.entries(defaults).filter(([name]) => name !== 'layers')
  return [
    id,
    shortPaper(about.paper) ?? '-',
    about.formula ?? '-',
    listed(own.map(([name, value]) => `${name} ${value}`)) || '-',
    listed([...loss.needs, ...(layers ? [layers] : [])]),
  ]
}

/** Each thing that a batch can hold for a loss: its name, what it is, and how it is given. */
export const needHead = ['in the batch', 'what it is', ''] as const
export const needRows: readonly (readonly string[])[] = (Object.keys(needs) as Need[]).map((need) => [
  need,
  needs[need].what,
  `${needs[need].give}.`,
])

/** Its first author and where it appeared: `Zhao et al., CVPR 2022`. */
export function shortPaper(paper: string | undefined): string | undefined {
  if (paper === undefined) return undefined
  const [authors = '', rest = ''] = paper.split(/:(.*)/s)
  const names = authors.split(', ')
  const venue = rest.split(', ').findLast((part) => /(^|\s)(19|20)\d\d$/.test(part))
  return listed([
    names.length > 2 ? `${names[0]} et al.` : names.join(' and '),
    ...(venue ? [venue.trim()] : []),
  ])
}

const listed = (items: readonly string[]) => items.join(', ')

function weightsOf({ id, mix: { weight, ce, warmup } }: AnyLoss): string {
  const sum = ce === 0 ? `${weight} ${id}` : `${weight} ${id} + ${ce} ce`
  return warmup
    ? `${sum}; the weight of ${id} grows over the first ${(100 * warmup).toFixed(1)} % of the epochs`
    : sum
}

const layersText: Readonly<Record<LayerKind, string>> = {
  pooled: 'the pooled feature [N, D] of each network',
  'last map': 'the last map [N, C, H, W] of each network',
  'middle map': 'the middle map [N, C, H, W] of each network',
  maps: 'every map [N, C, H, W] of each network but a stem',
  'maps and stem': 'every map [N, C, H, W] of each network, its stem too',
  'pre-activations': 'every map [N, C, H, W] before its activation',
  'maps and pooled':
    'every map [N, C, H, W] of each network but a stem, and its last one averaged over positions',
}

const partText: Readonly<Record<Part, string>> = {
  adapters: 'adapters, trained with the student',
  state: 'state, which moves with every step',
  preliminary: 'a preliminary stage of training',
  predict: 'a prediction of its own',
}
