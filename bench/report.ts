import { tableText } from '../src/cli/table.ts'
import { ms, twoDigits } from './results.ts'
import type { Measured } from './support.ts'

const HEAD = ['', 'device', 'cold', 'median', 'mean', 'min to max', 'runs', 'GFLOP/s', 'ratio']

/** A suite's table: times in milliseconds; the ratio is to the fastest device of the same work, by the median. */
export function tableOf(measured: readonly Measured[]): string {
  const rows = measured.map(({ work, device, flops, cold, warm }, i) => {
    const peers = measured.filter((m) => m.work === work)
    const fastest = Math.min(...peers.map((m) => m.warm.median))
    return [
      measured[i - 1]?.work === work ? '' : work,
      device,
      ms(cold),
      ms(warm.median),
      warm.margin === null ? ms(warm.mean) : `${ms(warm.mean)} ± ${ms(warm.margin)}`,
      `${ms(warm.min)} to ${ms(warm.max)}`,
      // benny's samples are averages over as many runs as fit into 50 ms.
      warm.samples === 1 ? 'once' : `${warm.samples}`,
      flops === undefined ? '' : twoDigits(flops / warm.median / 1e6),
      peers.length === 1 ? '' : `${(warm.median / fastest).toFixed(warm.median < 10 * fastest ? 1 : 0)}x`,
    ]
  })
  return tableText(HEAD, rows)
}
