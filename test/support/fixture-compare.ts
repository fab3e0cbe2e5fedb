import type { Case, Computed, Values } from './fixtures.ts'

type Precision = 'float32' | 'float64'
type Named<T> = Readonly<Record<string, T>>

/**
 * What of a result is not as the case wants it, in words; empty where all is well.
 *
 * What a case wants follows from its `torchVerdict`: PyTorch's own numbers on 'match' (NaN and infinities included),
 * `desired` where there is one, and finite numbers where there is not. An exploding gradient comes with a right value.
 */
export function differences(c: Case, computed: Computed, precision: Precision): string[] {
  const verdict = c.torchVerdict ?? 'match'
  const trusted = { outputs: ['match', 'exploding-gradient'], grads: ['match'] }
  const part = (
    what: string,
    wanted: Named<Values> | undefined,
    got: Named<ArrayLike<number>> | undefined,
    float32Error?: number,
  ) =>
    wanted
      ? Object.entries(wanted).flatMap(([name, values]) =>
          difference(`${what} ${name}`, values, got?.[name], precision, float32Error),
        )
      : Object.entries(got ?? {}).flatMap(([name, values]) => finite(`${what} ${name}`, values))
  const wantedOf = (what: 'outputs' | 'grads') =>
    c.desired?.[what] ?? (trusted[what].includes(verdict) ? c[what] : undefined)
  return [
    ...part('output', wantedOf('outputs'), computed.outputs, c.float32Error?.outputs),
    ...part('gradient of', wantedOf('grads'), computed.grads, c.float32Error?.grads),
    ...part('vjp of', c.vjp?.grads ?? {}, computed.vjp, c.float32Error?.grads),
  ]
}

function difference(
  what: string,
  wanted: Values,
  got: ArrayLike<number> | undefined,
  precision: Precision,
  float32Error: number | undefined,
): string[] {
  if (!got) return [`${what} was not computed`]
  if (got.length !== wanted.data.length)
    return [`${what} has ${got.length} elements, wanted ${wanted.data.length}`]
  // A float32 device cannot hold more than 3.4e38: there the wanted number is infinite.
  const numbers = precision === 'float32' ? wanted.data.map(Math.fround) : wanted.data
  const allowed = wanted.dtype === 'float64' ? tolerance(numbers, precision, float32Error) : 0
  const bad = numbers.findIndex((x, i) => !close(x, got[i]!, allowed))
  return bad < 0 ? [] : [`${what} at ${bad}: wanted ${numbers[bad]}, got ${got[bad]}, allowed ${allowed}`]
}

/**
 * float64: 1e-9 of the largest number, as the fixtures' README has it. Its floor of 1e-12 is for tensors that are 0 up
 * to rounding, such as the loss of a student that equals its teacher: there the terms that cancel are of size 1 to 100,
 * and round to some 1e-14.
 *
 * float32: three times PyTorch's own float32 error, at least 1e-5, of the largest number or of 1e-3 if that is larger;
 * the README measures its error in the same way. Extreme cases come without such a measure. There the terms that
 * cancel, of size 1 to 10, round to some 1e-6.
 */
function tolerance(
  numbers: readonly number[],
  precision: Precision,
  float32Error: number | undefined,
): number {
  const largest = numbers.reduce((most, x) => (Number.isFinite(x) ? Math.max(most, Math.abs(x)) : most), 0)
  if (precision === 'float64') return Math.max(1e-9 * largest, 1e-12)
  return float32Error === undefined
    ? Math.max(1e-5 * largest, 1e-6)
    : Math.max(3 * float32Error, 1e-5) * Math.max(largest, 1e-3)
}

/** NaN is close to NaN only, an infinity to itself only. */
const close = (wanted: number, got: number, allowed: number): boolean =>
  Number.isFinite(wanted)
    ? Math.abs(wanted - got) <= allowed
    : wanted === got || (Number.isNaN(wanted) && Number.isNaN(got))

/** An input that float32 makes 0 or infinite: what the case asks then is another question. Null where there is none. */
export function unheld(c: Case): number | null {
  const lost = (x: number) =>
    Number.isFinite(x) && x !== 0 && (Math.fround(x) === 0 || !Number.isFinite(Math.fround(x)))
  return Object.values(c.inputs).flatMap(({ data }) => data.filter(lost))[0] ?? null
}

function finite(what: string, got: ArrayLike<number>): string[] {
  const bad = Array.from(got).findIndex((x) => !Number.isFinite(x))
  return bad < 0 ? [] : [`${what} at ${bad}: wanted a finite number, got ${got[bad]}`]
}
