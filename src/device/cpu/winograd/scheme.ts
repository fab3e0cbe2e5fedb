import { f32x4 } from '../wasm/simd.ts'
import { FOUR_OF_THREE, FOUR_OF_TWO, type Transform } from './filter.ts'

/**
 * A convolution with three taps along one axis, window by window:
 * outputs = output(weight(taps) * input(window)), the product taken one by one. Products from `weights - 1` on share
 * the last weight.
 */
export interface Scheme {
  readonly key: string
  /** Inputs in a window, and how far the next window is. */
  readonly inputs: number
  readonly step: number
  readonly products: number
  readonly weights: number
  readonly outputs: number
  readonly input: Transform
  readonly weight: Transform
  readonly output: Transform
}

/** With the transposes that the gradient in the taps takes. */
export interface ForwardScheme extends Scheme {
  readonly outputAdjoint: Transform
  readonly weightAdjoint: Transform
}

const STRIDE_1: ForwardScheme = {
  key: 's1',
  inputs: 6,
  step: 4,
  products: 6,
  weights: 6,
  outputs: 4,
  input: FOUR_OF_THREE.input,
  weight: FOUR_OF_THREE.weight,
  output: FOUR_OF_THREE.output,
  outputAdjoint: FOUR_OF_THREE.outputAdjoint,
  weightAdjoint: FOUR_OF_THREE.weightAdjoint,
}

/** The same with the taps turned round. */
const STRIDE_1_INPUT_GRAD: Scheme = {
  ...STRIDE_1,
  key: 's1i',
  weight: (f, [g0, g1, g2]) => FOUR_OF_THREE.weight(f, [g2!, g1!, g0!]),
}

/** Of nine products for four outputs, five are of the outer taps with every other input, four of the middle tap. */
const STRIDE_2: ForwardScheme = {
  key: 's2',
  inputs: 9,
  step: 8,
  products: 9,
  weights: 6,
  outputs: 4,
  input: (f, [d0, d1, d2, d3, d4, d5, d6, d7, d8]) => [
    ...FOUR_OF_TWO.input(f, [d0!, d2!, d4!, d6!, d8!]),
    ...[d1!, d3!, d5!, d7!],
  ],
  weight: (f, [g0, g1, g2]) => [...FOUR_OF_TWO.weight(f, [g0!, g2!]), g1!],
  output: (f, products) =>
    FOUR_OF_TWO.output(f, products.slice(0, 5)).map((outer, i) => f.let(f32x4.add(outer, products[5 + i]!))),
  outputAdjoint: (f, outputs) => [...FOUR_OF_TWO.outputAdjoint(f, outputs), ...outputs],
  weightAdjoint: (f, weights) => {
    const [g0, g2] = FOUR_OF_TWO.weightAdjoint(f, weights.slice(0, 5))
    return [g0!, weights[5]!, g2!]
  },
}

/** Every other of eight outputs takes the outer taps, the others the middle one. */
const stride2InputGrad = (padding: number): Scheme => {
  const middleFirst = padding % 2 === 1
  return {
    key: `s2i${padding % 2}`,
    inputs: 5,
    step: 4,
    products: 9,
    weights: 6,
    outputs: 8,
    input: (f, window) => [
      ...FOUR_OF_TWO.input(f, window),
      ...(middleFirst ? window.slice(0, 4) : window.slice(1)),
    ],
    weight: (f, [g0, g1, g2]) => [...FOUR_OF_TWO.weight(f, [g2!, g0!]), g1!],
    output: (f, products) =>
      FOUR_OF_TWO.output(f, products.slice(0, 5)).flatMap((outer, i) =>
        middleFirst ? [products[5 + i]!, outer] : [outer, products[5 + i]!],
      ),
  }
}

/** The scheme of a forward pass or of the gradient in the weights. */
export const forwardScheme = (stride: 1 | 2): ForwardScheme => (stride === 1 ? STRIDE_1 : STRIDE_2)

/** The scheme of the gradient in the input, and the zeros before dy, for a padding of at most 2. */
export function inputGradScheme(stride: 1 | 2, padding: number): { scheme: Scheme; before: number } {
  if (stride === 1) return { scheme: STRIDE_1_INPUT_GRAD, before: 2 - padding }
  return { scheme: stride2InputGrad(padding), before: padding === 0 ? 1 : 0 }
}
