/**
 * How far float32 results lie from float64 ones, as a multiple of what is allowed: 1e-5 of the largest value (of at
 * least 1e-3). NaN and infinities must agree exactly.
 */
export function closeness(got: ArrayLike<number>, wanted: ArrayLike<number>, tolerance = 1e-5): number {
  if (got.length !== wanted.length) return Infinity
  let largest = 1e-3
  for (let i = 0; i < wanted.length; i++)
    if (Number.isFinite(wanted[i])) largest = Math.max(largest, Math.abs(wanted[i]!))
  let worst = 0
  for (let i = 0; i < wanted.length; i++) {
    if (Object.is(got[i], wanted[i])) continue
    const distance = Math.abs(got[i]! - wanted[i]!) / (tolerance * largest)
    worst = Math.max(worst, Number.isNaN(distance) ? Infinity : distance)
  }
  return worst
}
