/** What the suites found on one device; a line of docs/devices.md. */
export interface DeviceReport {
  readonly device: string
  readonly precision: string
  /** What runs it: the adapter, the engine. */
  readonly description: string
  readonly ops: Tally
  /** Fixtures of operations and of losses. */
  readonly cases: Tally
  readonly losses: Tally
  /** The farthest that the losses of 50 steps lie from those of `reference`, as a multiple of what float32 may grow to. */
  readonly curve: number
  /** The same of the first step alone. */
  readonly step: number
}

export interface Tally {
  readonly passed: number
  readonly failed: readonly string[]
  /** With the reason. */
  readonly skipped: readonly string[]
}

/** Everything that one run of the suites says. */
export interface Report {
  readonly where: string
  readonly date: string
  readonly devices: readonly DeviceReport[]
  readonly absent: readonly { readonly device: string; readonly reason: string }[]
}

export const isClean = ({ ops, cases, losses, curve, step }: DeviceReport): boolean =>
  [ops, cases, losses].every(({ failed }) => failed.length === 0) && curve <= 1 && step <= 1
