import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { build, preview } from 'vite'
import { sources } from '../support/sources.ts'

/** What a page needs to have threads. */
export const ISOLATED = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

/** How a page of this project is built: it runs the library from its sources. */
export const PAGE = {
  base: './',
  resolve: { alias: sources({ browser: true }) },
  build: { chunkSizeWarningLimit: 2000, target: 'es2022' },
}

export interface Site {
  readonly url: string
  close(): Promise<void>
}

/** Builds the page in `root` as Vite does for production, and serves it: cross-origin isolated or not. */
export async function serve(root: string, { isolated }: { readonly isolated: boolean }): Promise<Site> {
  const outDir = mkdtempSync(join(tmpdir(), 'kdgrad-site-'))
  await build({
    root: resolve(root),
    configFile: false,
    ...PAGE,
    logLevel: 'error',
    build: { ...PAGE.build, outDir, emptyOutDir: true },
  })
  const server = await preview({
    root: resolve(root),
    configFile: false,
    logLevel: 'error',
    build: { outDir },
    preview: { port: 0, host: '127.0.0.1', ...(isolated ? { headers: ISOLATED } : {}) },
  })
  return {
    url: server.resolvedUrls!.local[0]!,
    close: async () => {
      await server.close()
      rmSync(outDir, { recursive: true, force: true })
    },
  }
}
