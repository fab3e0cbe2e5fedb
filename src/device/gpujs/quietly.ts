const CHANNELS = ['log', 'warn', 'error'] as const

/** Runs `action` with the console silenced, since gpu.js reports faults there; what it would have said goes to `said`. */
export function quietly<T>(action: () => T, said: string[] = []): T {
  const saved = CHANNELS.map((channel) => [channel, console[channel]] as const)
  for (const channel of CHANNELS) console[channel] = (...words: unknown[]) => void said.push(words.join(' '))
  try {
    return action()
  } finally {
    for (const [channel, method] of saved) console[channel] = method
  }
}
