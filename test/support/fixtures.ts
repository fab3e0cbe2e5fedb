import { type AnyTensor, type DType, tensor } from '../../src/tensor.ts'

/** Numbers of a case, flat and row-major, as PyTorch computed or took them. */
export interface Values {
  readonly shape: readonly number[]
  readonly dtype: 'float64' | 'int64' | 'bool'
  readonly data: readonly number[]
}

type Named<T> = Readonly<Record<string, T>>

/** One JSON file of the format that shared/fixtures/README.md describes. */
export interface Case {
  /** The folder and the case: the name of the test. */
  readonly id: string
  readonly name: string
  readonly op?: string
  readonly method?: string
  readonly params: Named<unknown>
  readonly note?: string
  readonly inputs: Named<Values & { readonly requiresGrad: boolean }>
  readonly outputs: Named<Values>
  readonly grads: Named<Values>
  readonly vjp?: { readonly cotangents: Named<Values>; readonly grads: Named<Values> }
  readonly torchVerdict?: 'match' | 'nan' | 'inf' | 'exploding-gradient' | 'wrong' | 'throws'
  readonly desired?: { readonly outputs?: Named<Values>; readonly grads?: Named<Values> }
  readonly float32Error?: { readonly outputs?: number; readonly grads?: number }
}

/** What the library makes of a case; the same names as in the case, flat and row-major. */
export interface Computed {
  readonly outputs: Named<ArrayLike<number>>
  readonly grads?: Named<ArrayLike<number>>
  readonly vjp?: Named<ArrayLike<number>>
}

/** What a case computes. */
export const subject = (c: Case): string => c.op ?? c.method ?? ''

/** A case from the text of its file, given the folder that it is in and what it is called there. */
export function caseOf(text: string, folder: string | null, file: string): Case {
  // Plain JSON has no NaN and no infinities: the format writes them as these three words, in data and in params alike.
  const parsed = JSON.parse(text, (_, value) =>
    typeof value === 'string' && value in words ? words[value as keyof typeof words] : value,
  )
  const name = parsed.case ?? file.replace(/\.json$/, '')
  const id = `${folder ?? parsed.group ?? 'fixtures'}/${name}`
  return { params: {}, inputs: {}, outputs: {}, grads: {}, ...parsed, name, id }
}

const words = { NaN: Number.NaN, Infinity: Number.POSITIVE_INFINITY, '-Infinity': Number.NEGATIVE_INFINITY }

const dtypes = { float64: 'float', int64: 'int', bool: 'bool' } as const satisfies Record<string, DType>

/** Numbers of a case as a leaf of the graph. */
export const leafOf = ({ shape, dtype, data }: Values): AnyTensor => tensor(data, shape, dtypes[dtype])

/** The inputs of a case as leaves. */
export const leavesOf = (c: Case): Record<string, AnyTensor> =>
  Object.fromEntries(Object.entries(c.inputs).map(([name, values]) => [name, leafOf(values)]))

/** The names of the inputs that are differentiated. */
export const differentiated = (c: Case): string[] =>
  Object.keys(c.inputs).filter((name) => c.inputs[name]!.requiresGrad)

/** The values of tensors, by name. */
export async function valuesOf(tensors: Named<AnyTensor>): Promise<Record<string, ArrayLike<number>>> {
  const found: Record<string, ArrayLike<number>> = {}
  for (const [name, t] of Object.entries(tensors)) found[name] = await t.data()
  return found
}
