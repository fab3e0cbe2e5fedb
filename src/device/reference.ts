import { sizeOf } from '../shape.ts'
import type { Device } from './device.ts'
import { unlimited } from './text/grid.ts'
import type { TextStep } from './text/text.ts'
import { type StepProgram, textCompiler } from './text-device.ts'

/**
 * The oracle: the same kernel text as every gpu.js device, run as plain JavaScript in float64. Slow and exact; gradient
 * checks and every device's conformance rest on it.
 */
export function openReference(): Device {
  return {
    name: 'reference',
    precision: 'float64',
    description: 'float64 JavaScript',
    manual: false,
    // The oracle joins nothing: what the planner joins is checked against it.
    fusion: null,
    compile: textCompiler({
      limits: unlimited,
      build,
      empty: () => new Float64Array(0),
      release: () => {},
    }),
    upload: (data) => Float64Array.from(data),
    read: (buffer) => (buffer as Float64Array).slice(),
    release: () => {},
    close: async () => {},
  }
}

function build({ grid, arrays, scalars, body }: TextStep): StepProgram {
  const [sx = 1, sy = 1, sz = 1] = grid
  const names = [...arrays.map((_, i) => `x${i}`), ...Array.from({ length: scalars }, (_, i) => `s${i}`)]
  const cells = new Function(
    'out',
    ...names,
    `const cell = ($x, $y, $z) => { ${body} };
    let at = 0;
    for (let z = 0; z < ${sz}; z++) for (let y = 0; y < ${sy}; y++) for (let x = 0; x < ${sx}; x++) out[at++] = cell(x, y, z);`,
  ) as (out: Float64Array, ...args: unknown[]) => void
  return (buffers, numbers) => {
    const out = new Float64Array(sizeOf(grid))
    cells(out, ...buffers, ...numbers)
    return out
  }
}
