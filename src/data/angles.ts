/** For angles of up to 0.3: the series leaves less than 1e-16. Math.cos and Math.sin differ between engines. */
export function cosAndSin(angle: number): readonly [cos: number, sin: number] {
  const s = angle * angle
  const cos = 1 - (s / 2) * (1 - (s / 12) * (1 - (s / 30) * (1 - (s / 56) * (1 - s / 90))))
  const sin = angle * (1 - (s / 6) * (1 - (s / 20) * (1 - (s / 42) * (1 - (s / 72) * (1 - s / 110)))))
  return [cos, sin]
}
