/** The dims whose coordinates `i0`, `i1`, ... a formula reads. */
export const coordinatesIn = (expr: string): number[] =>
  Array.from(expr.matchAll(/\bi(\d)\b/g), (match) => Number(match[1]))

/** Whether a formula depends on where its element lies. */
export const readsPlace = (expr: string): boolean => /\bi\d\b/.test(expr)

/** A formula with its coordinates written out. */
export const placed = (expr: string, coords: readonly string[]): string =>
  expr.replace(/\bi(\d)\b/g, (_, d) => coords[Number(d)]!)
