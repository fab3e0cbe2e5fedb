import { SingleBar } from 'cli-progress'
import type { RunName } from '../train/experiment.ts'
import type { EpochMetrics, StepProgress } from '../train/fit.ts'

/** Shows a run's loss, accuracy, speed and time left: a live bar on a terminal, plain lines elsewhere. */
export interface ProgressView {
  start(run: RunName, steps: number): void
  step(progress: StepProgress): void
  epoch(metrics: EpochMetrics, epochs: number): void
  stop(): void
}

const label = ({ row, seed, stage }: RunName) =>
  `${row} (seed ${seed}${stage === undefined ? '' : `, before: ${stage}`})`
const percent = (share: number | undefined) =>
  share === undefined ? '  -  ' : `${(100 * share).toFixed(2)} %`

/** Speed and time left since `start`. */
class Pace {
  private readonly begun = performance.now()

  samplesPerSecond(samples: number): number {
    return Math.round((1000 * samples) / Math.max(1, performance.now() - this.begun))
  }

  secondsLeft({ step, steps }: StepProgress): number {
    return Math.round((((performance.now() - this.begun) / step) * (steps - step)) / 1000)
  }
}

export function terminalProgress(): ProgressView {
  let bar: SingleBar | undefined
  let pace = new Pace()
  let accuracy: number | undefined
  return {
    start(run, steps) {
      pace = new Pace()
      accuracy = undefined
      bar = new SingleBar({
        format:
          '{name} {bar} {percentage} % | loss {loss} | accuracy {accuracy} | {speed} samples/s | {left} s left',
        barsize: 24,
        hideCursor: true,
        clearOnComplete: false,
      })
      bar.start(steps, 0, { name: label(run).padEnd(20), loss: '-', accuracy: '-', speed: '-', left: '-' })
    },
    step(progress) {
      bar?.update(progress.step, {
        loss: progress.loss.toFixed(4),
        accuracy: percent(accuracy),
        speed: pace.samplesPerSecond(progress.samples),
        left: pace.secondsLeft(progress),
      })
    },
    epoch(metrics) {
      accuracy = metrics.testAccuracy ?? accuracy
      bar?.update({ accuracy: percent(accuracy) })
    },
    stop() {
      bar?.stop()
      bar = undefined
    },
  }
}

export function plainProgress(print: (line: string) => void): ProgressView {
  let pace = new Pace()
  let name = ''
  let last: StepProgress | undefined
  return {
    start(run) {
      pace = new Pace()
      name = label(run)
      last = undefined
    },
    step(progress) {
      last = progress
    },
    epoch({ epoch, loss, testAccuracy }, epochs) {
      // A preliminary stage is not judged: its last epoch says how it ended.
      if ((testAccuracy === undefined && epoch < epochs) || !last) return
      print(
        `${name}: epoch ${epoch}/${epochs}, loss ${loss.toFixed(4)}, accuracy ${percent(testAccuracy)}, ${pace.samplesPerSecond(last.samples)} samples/s, ${pace.secondsLeft(last)} s left`,
      )
    },
    stop() {},
  }
}
