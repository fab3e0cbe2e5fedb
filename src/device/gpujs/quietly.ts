const CHANNELS = ['log', 'warn', 'error'] as const

/** Runs `action` with the console silenced, since gpu.js reports faults there, and gives back what it would have said. */
export function quietly<T>(action: () => T): { readonly value: T; readonly said: string } {
  const said: string[] = []
  const saved = CHANNELS.map((channel) => [channel, console[channel]] as const)
  for (const channel of CHANNELS) console[channel] = (...words: unknown[]) => void said.push(words.join(' '))
  try {
    return { value: action(), said: said.join('\n') }
  } finally {
    for (const [channel, method] of saved) console[channel] = method
  }
}
