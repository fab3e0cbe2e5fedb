/** One image of bytes. */
export interface Image {
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
  /** [channels, height, width] row by row. */
  readonly pixels: Uint8Array
}

/** What a decoder is told of the file, and how it refuses it. */
export type Refuse = (what: string, got: string) => never

/** The largest image that is read: far above what is trained on here, and at most 64 MiB as RGBA. */
export const MOST_PIXELS = 2 ** 24

/** Throws by `refuse` unless an image of this size is one that is read. */
export function checkSize(width: number, height: number, refuse: Refuse): void {
  if (width < 1 || height < 1 || width * height > MOST_PIXELS)
    refuse(`must have 1 to ${MOST_PIXELS} pixels`, `${width} x ${height}`)
}

/** The first `channels` of [pixels, step] values as [channels, pixels], each shifted down by `shift` bits. */
export function planes(
  data: ArrayLike<number>,
  count: number,
  step: number,
  channels: 1 | 3,
  shift = 0,
): Uint8Array {
  const out = new Uint8Array(channels * count)
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < count; i++) out[c * count + i] = data[i * step + c]! >>> shift
  return out
}
