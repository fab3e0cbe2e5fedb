import { openDevice } from '../device/open.ts'
import { ShapeError, ValueError } from '../errors.ts'
import { vjp } from '../graph/grad.ts'
import { realizeOn } from '../graph/realize.ts'
import { readOn } from '../graph/values.ts'
import { topological } from '../graph/walk.ts'
import { Random } from '../random.ts'
import { type AnyTensor, Tensor, tensor } from '../tensor.ts'

export interface GradcheckOptions {
  /**
   * Smallest step of the differences, central ones of fourth order and one-sided ones of second; ten and a hundred times
   * it are tried too. Default 1e-5.
   */
  readonly eps?: number
  /** Largest difference allowed, relative to the larger derivative. Default 1e-6. */
  readonly tolerance?: number
  /** Random directions tried per input. Default 1. */
  readonly directions?: number
  /** 1 checks the gradient, 2 the gradient of the gradient as well. Default 1. */
  readonly order?: 1 | 2
  /** Chooses the directions and the output weights. Default 0. */
  readonly seed?: number
  /**
   * Whether what goes through `detach` moves with the inputs, so that a term of the gradient which is missing by mistake
   * is found, or is held at its value, for functions that stop a gradient on purpose. Default 'moves'.
   */
  readonly detached?: 'moves' | 'held'
}

/** One derivative along one direction, found twice. */
export interface DirectionalCheck {
  readonly order: 1 | 2
  /** Which input, from 0. */
  readonly input: number
  /** The direction, as many numbers as the input has elements. */
  readonly direction: readonly number[]
  /** What the gradient says. */
  readonly analytic: number
  /** What the central difference says. */
  readonly numeric: number
  /** |analytic - numeric| over what is allowed: above 1 fails. */
  readonly excess: number
}

export interface GradcheckReport {
  readonly ok: boolean
  /** The check that came closest to failing, or failed worst. */
  readonly worst: DirectionalCheck
  /** The worst input as code that rebuilds it. */
  readonly rebuild: string
  readonly checks: readonly DirectionalCheck[]
  toString(): string
}

/**
 * Compares the gradient of `fn` with central differences, in float64 on the `reference` device whatever device is
 * chosen. Outputs are weighted at random: a plain sum would pass a gradient that ignores what comes from upstream.
 * Only 'float' inputs are moved; labels and masks are handed on as they are.
 *
 * @throws ValueError where no input can be moved, or a value or derivative of `fn` is NaN or infinite there.
 */
export async function gradcheck<const I extends readonly AnyTensor[]>(
  fn: (...inputs: I) => Tensor | readonly Tensor[],
  inputs: I,
  {
    eps = 1e-5,
    tolerance = 1e-6,
    directions = 1,
    order = 1,
    seed = 0,
    detached = 'moves',
  }: GradcheckOptions = {},
): Promise<GradcheckReport> {
  const random = new Random(seed).fork('gradcheck')
  const points = await Promise.all(inputs.map(toFloat64))
  const moving = points.flatMap((x, i) => (x.dtype === 'float' && x.size > 0 ? [i] : []))
  if (moving.length === 0)
    throw new ValueError(
      'gradcheck: no input can be moved, got no float tensor with elements. Pass one to differentiate by.',
    )

  const first = weighted(fn, random)
  const stages: [1 | 2, Weighted<I>][] = [[1, first]]
  if (order === 2) stages.push([2, weighted((...xs: I) => gradientsOf(first, xs, moving), random)])

  const checks: DirectionalCheck[] = []
  for (const [stage, outputs] of stages)
    for (const input of moving)
      for (let d = 0; d < directions; d++) {
        const direction = Array.from(random.normals(points[input]!.size))
        checks.push(
          await checkAlong(outputs, points as unknown as I, input, direction, stage, {
            eps,
            tolerance,
            detached,
          }),
        )
      }
  const worst = checks.reduce((a, b) => (b.excess > a.excess ? b : a))
  return report(worst, checks, points)
}

/** A function's outputs, each with the fixed random weights by which it is multiplied. */
type Weighted<I> = (inputs: I) => { readonly outputs: readonly Tensor[]; readonly weights: readonly Tensor[] }

function weighted<I extends readonly AnyTensor[]>(
  fn: (...inputs: I) => Tensor | readonly Tensor[],
  random: Random,
): Weighted<I> {
  const weights: Tensor[] = []
  return (inputs) => {
    const result = fn(...inputs)
    const outputs = result instanceof Tensor ? [result] : result
    outputs.forEach((y, k) => {
      if (!(y instanceof Tensor) || y.dtype !== 'float')
        throw new ValueError(
          `gradcheck: the function must return float tensors, got ${y}. Convert with toFloat().`,
        )
      // The same weights every time: away from 0, of both signs.
      weights[k] ??= tensor(
        random.uniforms(y.size, 0.5, 1.5).map((w) => (random.uniform() < 0.5 ? -w : w)),
        y.shape,
      )
      if (weights[k].size !== y.size)
        throw new ShapeError(
          'gradcheck: the output changes its shape with the values of the input. Make it fixed.',
        )
    })
    return { outputs, weights }
  }
}

/** The gradients of the weighted outputs: a function whose own gradient is of second order. */
function gradientsOf<I extends readonly AnyTensor[]>(
  first: Weighted<I>,
  inputs: I,
  moving: readonly number[],
): Tensor[] {
  const { outputs, weights } = first(inputs)
  return vjp(
    outputs,
    moving.map((i) => inputs[i] as Tensor),
    weights,
  )
}

const total = (parts: readonly Tensor[]): Tensor => parts.map((t) => t.sum()).reduce((a, b) => a.add(b))

async function checkAlong<I extends readonly AnyTensor[]>(
  weightedOutputs: Weighted<I>,
  points: I,
  input: number,
  direction: readonly number[],
  order: 1 | 2,
  { eps, tolerance, detached }: Required<Pick<GradcheckOptions, 'eps' | 'tolerance' | 'detached'>>,
): Promise<DirectionalCheck> {
  const x = points[input] as Tensor
  const terms = (inputs: I) => {
    const { outputs, weights } = weightedOutputs(inputs)
    return outputs.map((y, k) => y.mul(weights[k]!))
  }
  const hold = detached === 'held' ? await holder(total(terms(points))) : (t: Tensor) => t
  const shifted = (by: number) => {
    const moved = tensor(
      Float64Array.from(x.host!, (v, i) => v + by * direction[i]!),
      x.shape,
    )
    return hold(total(terms(points.map((p, i) => (i === input ? moved : p)) as unknown as I)))
  }
  // The weights go in as cotangents: nothing but the function's own gradients is relied on.
  const { outputs, weights } = weightedOutputs(points)
  const [g] = vjp(outputs, [x], weights)
  const slope = g!.mul(tensor(Float64Array.from(direction), x.shape)).sum()
  const size = total(terms(points).map((t) => t.abs()))
  // A small step suffers from rounding, a large one from kinks and curvature. A wrong gradient meets none of them.
  const steps = [eps, 10 * eps, 100 * eps]
  const [analytic, magnitude, ...samples] = (await values([
    slope,
    size,
    ...[0, ...steps.flatMap((h) => [h, -h, 2 * h, -2 * h])].map(shifted),
  ])) as [number, number, ...number[]]
  const [here, ...around] = samples as [number, ...number[]]
  const estimates = steps.flatMap((h, k) => {
    const [above, below, far, farBelow] = around.slice(4 * k, 4 * k + 4) as [number, number, number, number]
    return [
      (8 * (above - below) - (far - farBelow)) / (12 * h),
      // A kink closer than the step lies on one side of the point. The other side knows the slope.
      (4 * above - far - 3 * here) / (2 * h),
      (3 * here - 4 * below + farBelow) / (2 * h),
    ]
  })
  const numeric = estimates.reduce((a, b) => (Math.abs(b - analytic) < Math.abs(a - analytic) ? b : a))
  if (!Number.isFinite(analytic) || !Number.isFinite(estimates[0]))
    throw new ValueError(
      `gradcheck: a derivative is not finite, got analytic ${analytic} and numeric ${estimates[0]} for input ${input}, ${x}. Move the input into the function's domain.`,
    )
  const allowed = tolerance * Math.max(Math.abs(analytic), Math.abs(numeric)) + 1e-9 * Math.max(1, magnitude)
  return { order, input, direction, analytic, numeric, excess: Math.abs(analytic - numeric) / allowed }
}

/** Gives the detached nodes of a graph the values that those of `base`, a graph of the same structure, have. */
async function holder(base: Tensor): Promise<(moved: Tensor) => Tensor> {
  const stopsOf = (root: Tensor) => topological([root]).filter((node) => node.op?.name === 'detach')
  const stops = stopsOf(base)
  await realizeOn(await openDevice('reference'), stops)
  return (moved) => {
    stopsOf(moved).forEach((node, i) => {
      node.storage = stops[i]!.storage!.share()
    })
    return moved
  }
}

async function values(scalars: readonly Tensor[]): Promise<number[]> {
  const reference = await openDevice('reference')
  await realizeOn(reference, scalars)
  return Promise.all(scalars.map(async (s) => (await readOn(reference, s))[0]!))
}

async function toFloat64(x: AnyTensor): Promise<AnyTensor> {
  if (x.host && x.dtype !== 'float') return x
  return tensor(Float64Array.from(x.host ?? (await readOn(x.storage?.device, x))), x.shape, x.dtype)
}

function report(
  worst: DirectionalCheck,
  checks: readonly DirectionalCheck[],
  points: readonly AnyTensor[],
): GradcheckReport {
  const ok = worst.excess <= 1
  const rebuild = String(points[worst.input])
  const all = points.map((p) => `  ${p},`).join('\n')
  return {
    ok,
    worst,
    rebuild,
    checks,
    toString: () =>
      ok
        ? `gradcheck: ${checks.length} directions agree; the worst by ${worst.excess.toPrecision(2)} of what is allowed`
        : `gradcheck: the gradient${worst.order === 2 ? ' of the gradient' : ''} is wrong in input ${worst.input}: analytic ${worst.analytic}, numeric ${worst.numeric}, at\n${all}`,
  }
}
