import { execFileSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build, createLogger } from 'vite'

/** What Vite made of a page. */
export interface Bundle {
  readonly scripts: readonly { readonly name: string; readonly text: string; readonly gzipped: number }[]
  readonly warnings: readonly string[]
}

/** Every entry of the package that a browser can use. */
const ENTRIES = ['', '/losses', '/models', '/nn', '/optim', '/data', '/train', '/testing'] as const

/** What a user's page may be: all of the library, so that nothing is left out as unused. */
const PAGE = ENTRIES.map((entry, i) => `import * as m${i} from 'kdgrad${entry}'`)
  .concat(`globalThis.kdgrad = [${ENTRIES.map((_, i) => `m${i}`).join(', ')}]`)
  .join('\n')

/** The library as it is published, in a page of a project that has no configuration of Vite, built for production. */
export async function bundle(): Promise<Bundle> {
  const project = mkdtempSync(join(tmpdir(), 'kdgrad-page-'))
  try {
    install(join(project, 'node_modules'))
    writeFileSync(join(project, 'package.json'), '{ "name": "page", "private": true }')
    writeFileSync(join(project, 'index.html'), '<script type="module" src="./page.js"></script>')
    writeFileSync(join(project, 'page.js'), PAGE)
    const warnings: string[] = []
    const logger = createLogger('warn')
    const note = (text: string) => void warnings.push(text)
    await build({
      root: project,
      configFile: false,
      mode: 'production',
      customLogger: { ...logger, warn: note, warnOnce: note },
    })
    const assets = join(project, 'dist/assets')
    const scripts = readdirSync(assets)
      .filter((name) => name.endsWith('.js'))
      .map((name) => {
        const text = readFileSync(join(assets, name), 'utf8')
        return { name, text, gzipped: gzipSync(text).length }
      })
    return { scripts, warnings }
  } finally {
    rmSync(project, { recursive: true, force: true })
  }
}

/** kdgrad as `npm install` puts it there, and the packages that it depends on. */
function install(modules: string): void {
  const home = join(modules, 'kdgrad')
  mkdirSync(home, { recursive: true })
  const { scripts, dependencies, ...about } = JSON.parse(readFileSync('package.json', 'utf8'))
  writeFileSync(join(home, 'package.json'), JSON.stringify(about))
  const args = scripts['build:bundle'].replace('--outdir=dist', `--outdir=${join(home, 'dist')}`).split(' ')
  execFileSync(process.execPath, [resolve('node_modules/esbuild/bin/esbuild'), ...args.slice(1)])
  for (const name of Object.keys(dependencies))
    symlinkSync(resolve('node_modules', name), join(modules, name), 'junction')
}

/** Kilobytes, as sizes of bundles are given. */
export const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`
