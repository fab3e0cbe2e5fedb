/** A module as workers need it: its routines have the numbers from `first` on. */
export interface Code {
  readonly bytes: Uint8Array
  readonly first: number
}

/** How much a measured time may grow from one run to the next: a routine never gets slower, only the machine. */
const FORGET = 1.02

/** A compiled routine, and how long it takes. */
export class Compiled {
  readonly call: (args: number, lo: number, hi: number, scratch: number) => void
  readonly number: number
  readonly code: Code
  /** Nanoseconds that a unit takes, measured; 0 while unknown. */
  unit = 0

  constructor(call: Compiled['call'], number: number, code: Code) {
    this.call = call
    this.number = number
    this.code = code
  }

  /** Learns that so many units took from `begun` to `ended`, in milliseconds. */
  measure(begun: number, ended: number, units: number): void {
    const unit = (1e6 * (ended - begun)) / units
    this.unit = this.unit === 0 ? unit : Math.min(unit, FORGET * this.unit)
  }
}
