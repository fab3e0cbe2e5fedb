import type { Conv2dKernel } from '../../kernel.ts'
import { type Axis, forwardAxis } from './correlation.ts'
import { type Planes, planesOf } from './planes.ts'

/** The gradient in the weight: dw[o][c][tap] = sum over images and places of dy[n][o][place] * x[n][c][place + tap]. */
export interface Gradient {
  readonly images: number
  readonly groups: number
  /** Channels of a group of x, and of dy. */
  readonly from: number
  readonly to: number
  readonly rows: Axis
  readonly cols: Axis
}

export function gradientOf(kernel: Conv2dKernel): Gradient {
  const { groups, out, inputs } = kernel
  const [y, x] = inputs.map((view) => view!.shape) as [number[], number[]]
  const [outer, from, kH, kW] = out as [number, number, number, number]
  return {
    images: x[0]!,
    groups,
    from,
    to: outer / groups,
    rows: forwardAxis(kernel, 0, x[2]!, y[2]!, kH),
    cols: forwardAxis(kernel, 1, x[3]!, y[3]!, kW),
  }
}

/** What is summed up in one go: some images, or a band of rows of one. */
export interface Chunks {
  readonly images: number
  /** Rows of outputs, and of what they meet. */
  readonly rows: number
  readonly height: number
  /** Bands of rows of an image; 1 unless `images` is 1. */
  readonly bands: number
  readonly count: number
  readonly planes: Planes
  /** Bytes from one image to the next, as they are read. */
  readonly imageStep: number
}

/** Chunks of about `places` outputs of a channel, whose planes have their columns dealt out into `runs`. */
export function chunksOf(
  { images, groups, from, rows, cols }: Gradient,
  places: number,
  runs: number,
): Chunks {
  const tall = Math.ceil(rows.out / Math.ceil((rows.out * cols.out) / places))
  const bands = Math.ceil(rows.out / tall)
  const height = rows.size - (rows.out - tall) * rows.inStep
  const together = Math.min(images, Math.max(1, Math.floor(places / (rows.out * cols.out))))
  const planes = planesOf(rows, cols, runs, { height })
  return {
    images: together,
    rows: tall,
    height,
    bands,
    count: bands * Math.ceil(images / together),
    planes,
    imageStep: (planes.copied ? from : groups * from) * planes.plane,
  }
}
