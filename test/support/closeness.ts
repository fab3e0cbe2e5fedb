/**
 * How far float32 results lie from float64 ones, as a multiple of what is allowed: 1e-5 of the largest value, of at least
 * `floor`. NaN and infinities must agree exactly.
 */
export function closeness(
  got: ArrayLike<number>,
  wanted: ArrayLike<number>,
  { tolerance = 1e-5, floor = 1e-3 }: { tolerance?: number; floor?: number } = {},
): number {
  if (got.length !== wanted.length) return Infinity
  const largest = Math.max(floor, largestOf(wanted))
  let worst = 0
  for (let i = 0; i < wanted.length; i++) {
    if (Object.is(got[i], wanted[i])) continue
    const distance = Math.abs(got[i]! - wanted[i]!) / (tolerance * largest)
    worst = Math.max(worst, Number.isNaN(distance) ? Infinity : distance)
  }
  return worst
}

/** The largest finite |value|; 0 where there is none. */
export function largestOf(values: ArrayLike<number>): number {
  let largest = 0
  for (let i = 0; i < values.length; i++)
    if (Number.isFinite(values[i])) largest = Math.max(largest, Math.abs(values[i]!))
  return largest
}
