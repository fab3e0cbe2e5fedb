/**
 * The largest difference between two lists of results, each result's as a share of its largest wanted value. Infinity
 * where they do not have the same lengths or one of them is not a number.
 */
export function worstError(got: readonly ArrayLike<number>[], wanted: readonly ArrayLike<number>[]): number {
  if (got.length !== wanted.length) return Number.POSITIVE_INFINITY
  return Math.max(0, ...got.map((values, i) => errorOf(values, wanted[i]!)))
}

function errorOf(got: ArrayLike<number>, wanted: ArrayLike<number>): number {
  if (got.length !== wanted.length) return Number.POSITIVE_INFINITY
  let largest = 0
  let difference = 0
  for (let i = 0; i < got.length; i++) {
    const d = Math.abs(got[i]! - wanted[i]!)
    if (Number.isNaN(d)) return Number.POSITIVE_INFINITY
    largest = Math.max(largest, Math.abs(wanted[i]!))
    difference = Math.max(difference, d)
  }
  return difference === 0 ? 0 : difference / largest
}

/** The root mean square of the difference, as a share of that of the wanted values. Infinity as above. */
export function meanError(got: ArrayLike<number>, wanted: ArrayLike<number>): number {
  if (got.length !== wanted.length) return Number.POSITIVE_INFINITY
  let squares = 0
  let wantedSquares = 0
  for (let i = 0; i < got.length; i++) {
    squares += (got[i]! - wanted[i]!) ** 2
    wantedSquares += wanted[i]! ** 2
  }
  if (Number.isNaN(squares)) return Number.POSITIVE_INFINITY
  return squares === 0 ? 0 : Math.sqrt(squares / wantedSquares)
}
