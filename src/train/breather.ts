/** Longest stretch without a look at signals, timers and the terminal, in milliseconds. */
const BREATH = 50

/** Lets waiting events in: on a device that answers at once, awaiting alone never leaves the training loop. */
export function breather(): () => Promise<void> {
  let last = performance.now()
  return async () => {
    if (performance.now() - last < BREATH) return
    await new Promise((resolve) => setTimeout(resolve, 0))
    last = performance.now()
  }
}
