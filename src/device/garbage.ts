/** Bytes of ballast at first: V8 begins to collect from 64 MiB on. */
const FIRST = 80 * 2 ** 20
const MOST = 2 ** 30
/** Turns after which an engine counts as one that does not collect on demand. */
const TURNS = 16

const canaries = new FinalizationRegistry<() => void>((sing) => sing())

/**
 * Waits until the engine has collected garbage and told the finalization registries. It sees only the small objects
 * that own blocks of WebAssembly memory and would take its time: arrays that are allocated and dropped, never touched
 * and so never given pages, make it begin.
 */
export async function collectGarbage(): Promise<void> {
  let sung = false
  release(() => {
    sung = true
  })
  for (let i = 0; i < TURNS && !sung; i++) {
    // Every other turn, twice as much: more at once would have it collect twice, less would let it take its time.
    if (i % 2 === 0) drop(Math.min(MOST, FIRST * 2 ** (i / 2)))
    await turn()
  }
  // The other registries.
  await turn()
}

// Functions of their own, so that no frame keeps the objects.
function release(sing: () => void): void {
  canaries.register({}, sing)
}

function drop(bytes: number): void {
  // Resizable ones come as fresh pages from the system; others may have to be cleared.
  const Resizable = ArrayBuffer as new (bytes: number, options: { maxByteLength: number }) => ArrayBuffer
  try {
    new Resizable(bytes, { maxByteLength: bytes })
  } catch {
    // No room for it: the engine has collected before it said so.
  }
}

/** A turn of the event loop. In Node, messages do not let the registries run. */
const turn = (): Promise<void> =>
  new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve)
    else setTimeout(resolve, 0)
  })
