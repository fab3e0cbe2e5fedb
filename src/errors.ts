/**
 * Everything kdgrad throws on bad input. One sentence form: `<who>: <what is wrong>, got <values>. <what to do>.`
 * The command line prints the message of a `KdgradError` without a stack and exits with code 2.
 */
export class KdgradError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    startAtCaller(this)
  }
}

const HOME = new URL('.', import.meta.url)

/** Drops the leading stack lines that lie inside kdgrad, so that the first one is the user's own. */
function startAtCaller(error: Error): void {
  const [, ...frames] = (error.stack ?? '').split(/\n(?=\s+at )/)
  // Built-ins that call back, such as Array.forEach, have no place of their own.
  const ours = (frame: string) => frame.includes(HOME.pathname) || frame.endsWith('(<anonymous>)')
  const first = frames.findIndex((frame) => !ours(frame))
  if (first >= 0) error.stack = [`${error.name}: ${error.message}`, ...frames.slice(first)].join('\n')
}

/** Shapes that do not fit an operation. Thrown while the graph is built, at the user's own line. */
export class ShapeError extends KdgradError {}

/** A value outside an operation's domain: a label out of range, a temperature of zero, a dtype that does not fit. */
export class ValueError extends KdgradError {}

/** A training run whose loss or gradient is not finite any more. */
export class DivergedError extends ValueError {}

/** A device that is absent, that failed, or that cannot do what was asked. */
export class DeviceError extends KdgradError {}

/** A device's memory is full. What was there before still is. */
export class OutOfMemoryError extends DeviceError {}

/** A file that is missing, cut short, of another format, or that cannot be written. */
export class DataError extends KdgradError {}

/** A command line or a configuration that says something unknown or contradictory. */
export class UsageError extends KdgradError {}

/** `[2, 3]`, as every message prints a shape. */
export const show = (shape: readonly number[]): string => `[${shape.join(', ')}]`

/** `[2, 3] and [4]`, as every message lists shapes. */
export const showAll = (shapes: readonly (readonly number[])[]): string => shapes.map(show).join(' and ')
