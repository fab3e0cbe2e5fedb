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

/** Outputs of a channel that a chunk has at least, where there are so many. */
const FEWEST = 64

/**
 * Chunks of about `places` outputs of a channel, as many for each of `threads` where they are few; columns of their
 * planes are dealt out into `runs`.
 */
export function chunksOf(
  { images, groups, from, rows, cols }: Gradient,
  { places, runs, threads }: { readonly places: number; readonly runs: number; readonly threads: number },
): Chunks {
  const inPlane = rows.out * cols.out
  const banded = inPlane > places || images < threads
  const count = banded
    ? images * Math.ceil(inPlane / places)
    : Math.ceil(images / Math.floor(places / inPlane))
  const shared = Math.min(threads * Math.ceil(count / threads), Math.ceil((images * inPlane) / FEWEST))
  const wanted = count < 8 * threads ? Math.max(count, shared) : count
  const tall = banded ? Math.ceil(rows.out / Math.ceil(wanted / images)) : rows.out
  const block = banded ? 1 : Math.ceil(images / Math.min(images, wanted))
  const bands = Math.ceil(rows.out / tall)
  const height = rows.size - (rows.out - tall) * rows.inStep
  const planes = planesOf(rows, cols, runs, { height })
  return {
    images: block,
    rows: tall,
    height,
    bands,
    count: bands * Math.ceil(images / block),
    planes,
    imageStep: (planes.copied ? from : groups * from) * planes.plane,
  }
}
