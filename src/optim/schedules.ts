import { ValueError } from '../errors.ts'

/**
 * Half a cosine from `base` at step 0 down to `floor` at step `steps`, counted from 0:
 * floor + (base - floor) * 0.5 * (1 + cos(pi * step / steps)). Past `steps` it climbs again, as PyTorch's
 * CosineAnnealingLR does. Loshchilov and Hutter, "SGDR", ICLR 2017, arXiv:1608.03983, eq. 5.
 *
 * @throws ValueError where `steps` is not positive.
 */
export function cosine(base: number, step: number, steps: number, floor = 0): number {
  if (!(steps > 0))
    throw new ValueError(
      `cosine: the number of steps must be positive, got ${steps}. Give the length of the run.`,
    )
  return floor + (base - floor) * 0.5 * (1 + Math.cos((Math.PI * step) / steps))
}
