/// <reference types="vite/client" />

import { suitesOn } from '../support/device-suites.ts'
import { type Case, caseOf } from '../support/fixtures.ts'
import type { Wanted } from '../support/kd-training.ts'
import { losing } from './losing.ts'
import { soak } from './soak-page.ts'

const files = import.meta.glob<string>(['../fixtures/*/*.json', '!../fixtures/*/index.json'], {
  query: '?raw',
  import: 'default',
})

/** What the runner calls. */
export interface Page {
  suites(
    device: string,
    runs: number,
    wanted: Wanted,
    folders: readonly string[],
  ): ReturnType<typeof suitesOn>
  losing(device: string): Promise<string[]>
  soak: typeof soak
  /** The last thing begun, so that a run that hangs says where. */
  doing: string
}

const page: Page = {
  doing: 'starting',
  suites: async (device, runs, wanted, folders) =>
    suitesOn(device, { cases: await casesIn(folders), runs, wanted, onProgress }),
  losing: (device) => losing(device, onProgress),
  soak,
}

function onProgress(what: string): void {
  page.doing = what
}

async function casesIn(folders: readonly string[]): Promise<Case[]> {
  const chosen = Object.entries(files).filter(([path]) =>
    folders.some((folder) => path.includes(`/${folder}/`)),
  )
  return Promise.all(
    chosen.map(async ([path, load]) => {
      const [folder, file] = path.split('/').slice(-2) as [string, string]
      return caseOf(await load(), folder, file)
    }),
  )
}

Object.assign(globalThis, { page })
