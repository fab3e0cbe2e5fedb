/** Bytes of ballast in the first turn; twice as many in each further one, up to the most, until garbage is collected. */
const FIRST = 16 * 2 ** 20
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
    drop(Math.min(MOST, FIRST * 2 ** i))
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
