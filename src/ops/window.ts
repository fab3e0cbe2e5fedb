import type { Pair, Window } from '../device/kernel.ts'
import { ShapeError, show, ValueError } from '../errors.ts'
import type { Shape } from '../shape.ts'

/** One number for both, or [height, width]. */
export type Size2d = number | Pair

export const pair = (size: Size2d): Pair => (typeof size === 'number' ? [size, size] : size)

/** Settings of a window in PyTorch's names, with its defaults filled in. */
export function windowOf(
  op: string,
  {
    stride,
    padding = 0,
    dilation = 1,
  }: { stride: Size2d; padding?: Size2d | undefined; dilation?: Size2d | undefined },
): Window {
  const window = { stride: pair(stride), padding: pair(padding), dilation: pair(dilation) }
  const whole = (p: Pair, least: number) =>
    p.length === 2 && p.every((n) => Number.isInteger(n) && n >= least)
  if (!whole(window.stride, 1) || !whole(window.padding, 0) || !whole(window.dilation, 1))
    throw new ValueError(
      `${op}: stride and dilation must be positive integers and padding one of at least 0, got stride ${print(window.stride)}, padding ${print(window.padding)}, dilation ${print(window.dilation)}. Change the settings.`,
    )
  return window
}

/** A pair, or whatever untyped code gave for one, such as 'same'. */
const print = (setting: unknown): string => (Array.isArray(setting) ? show(setting) : String(setting))

/**
 * How many places a window of `kernel` has on a plane: (size + 2 padding - dilation (kernel - 1) - 1) / stride + 1,
 * rounded down. With `ceilMode` it is rounded up, but the last window starts on the plane or in the padding before it.
 */
export function windowPlaces(
  op: string,
  plane: Shape,
  kernel: Pair,
  { stride, padding, dilation }: Window,
  ceilMode = false,
): Pair {
  const places = [0, 1].map((d) => {
    const room = plane[d]! + 2 * padding[d]! - dilation[d]! * (kernel[d]! - 1) - 1
    if (!ceilMode) return Math.floor(room / stride[d]!) + 1
    const last = Math.ceil(room / stride[d]!)
    return last * stride[d]! >= plane[d]! + padding[d]! ? last : last + 1
  }) as [number, number]
  if (places.some((n) => n < 1))
    throw new ShapeError(
      `${op}: the window is larger than the padded plane, got ${show(kernel)} on ${show(plane)}. Use a smaller kernel or more padding.`,
    )
  return places
}
