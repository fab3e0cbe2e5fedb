/** Longest stretch without a look at signals, timers, the terminal and the page, in milliseconds. */
const BREATH = 50

/**
 * Lets waiting events in, where it is time to: on a device that answers at once, awaiting alone never leaves a training
 * loop, nor are finalization registries told what was collected.
 */
export function breather(): () => Promise<void> | undefined {
  let last = performance.now()
  return () => {
    if (performance.now() - last < BREATH) return undefined
    return new Promise((resolve) => setTimeout(resolve, 0)).then(() => {
      last = performance.now()
    })
  }
}
