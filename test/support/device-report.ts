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
  /** Sizes at the limits: right, or refused in a sentence, which is listed with what is skipped. */
  readonly sizes: Tally
  /** The farthest that the losses of 50 steps lie from those of `reference`, as a multiple of what float32 may grow to. */
  readonly curve: number
  /** The same of the weights after the first step, as a multiple of one step's rounding. */
  readonly step: number
  /** What all of it took. */
  readonly seconds: number
}

export interface Tally {
  readonly passed: number
  readonly failed: readonly string[]
  /** With the reason. */
  readonly skipped: readonly string[]
}

/** A device without results. */
export interface Without {
  readonly device: string
  readonly reason: string
}

/** Everything that one run of the suites says. */
export interface Report {
  readonly where: string
  readonly date: string
  /** Of what has a say in the results. */
  readonly versions: Readonly<Record<string, string>>
  /** Drawn cases of each operation. */
  readonly runs: number
  readonly devices: readonly DeviceReport[]
  readonly absent: readonly Without[]
  /** Begun, and not done in time. */
  readonly unfinished: readonly Without[]
}

/** All tallies of a device. */
export const talliesOf = ({ ops, cases, losses, sizes }: DeviceReport): readonly Tally[] => [
  ops,
  cases,
  losses,
  sizes,
]

export const isClean = (report: DeviceReport): boolean =>
  talliesOf(report).every(({ failed }) => failed.length === 0) && report.curve <= 1 && report.step <= 1
