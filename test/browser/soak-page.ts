import { trainLong } from '../../bench/soak-training.ts'
import { device } from '../../src/index.ts'
import { type Counts, watchGpu } from './live.ts'

/** The runner's: has garbage collected. */
declare function collect(): Promise<void>
/** The runner's: hears what lives after so many steps. */
declare function look(step: number, loss: number, counts: Counts): Promise<void>

/** Trains for long on a GPU device of this page, and tells after every so many steps what lives on it. */
export async function soak(name: string, steps: number, batch: number, every: number): Promise<void> {
  const counts = watchGpu(name)
  await device(name)
  await trainLong(steps, batch, every, async (step, loss) => {
    for (let i = 0; i < 2; i++) {
      await collect()
      // Finalizers run between turns of the event loop.
      await new Promise((done) => setTimeout(done))
    }
    await look(step, loss, counts())
  })
}
