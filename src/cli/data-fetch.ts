import { SingleBar } from 'cli-progress'
import { Command } from 'commander'
import { fetchDataset } from '../data/fetch-dataset.ts'
import { sourceNames } from '../data/sources.ts'
import { cacheFolder } from './cache-folder.ts'
import { oneOf } from './suggest.ts'

interface FetchFlags {
  readonly dataDir?: string
  readonly mirror?: string
}

/** `kdgrad data`: what concerns files of data. */
export const dataCommand = (): Command =>
  new Command('data')
    .description('fetch published data sets')
    .addCommand(fetchCommand())
    // How errors are printed is set on the commands of the program alone.
    .hook('preSubcommand', (data, command) => {
      command.copyInheritedSettings(data)
    })

/** `kdgrad data fetch cifar10`: checked by their published checksums, gone on with where it was cut off. */
const fetchCommand = (): Command =>
  new Command('fetch')
    .description('download a data set, check it by its published checksums, and unpack it')
    .argument('<name>', sourceNames.join(', '))
    .option('--data-dir <folder>', 'where to put it (default: ~/.cache/kdgrad/<name>)')
    .option('--mirror <url>', 'a folder on the web to take the files from instead of the published ones')
    .action(async (name: string, flags: FetchFlags) => {
      const known = oneOf('name', name, sourceNames)
      const folder = flags.dataDir ?? cacheFolder(known)
      const view = process.stdout.isTTY ? bars() : lines()
      try {
        const fetched = await fetchDataset(known, folder, {
          onProgress: view.progress,
          ...(flags.mirror === undefined ? {} : { mirrors: [flags.mirror] }),
        })
        view.stop()
        console.log(`${known} ${fetched.length === 0 ? 'was already' : 'is'} in ${folder}`)
      } finally {
        view.stop()
      }
    })

interface View {
  readonly progress: (file: string, done: number, total: number | undefined) => void
  readonly stop: () => void
}

const MEGABYTE = 1e6
const megabytes = (bytes: number) => (bytes / MEGABYTE).toFixed(1)

/** A bar per file, on a terminal. */
function bars(): View {
  let bar: SingleBar | undefined
  let shown = ''
  return {
    progress(file, done, total) {
      if (file !== shown) {
        bar?.stop()
        bar = new SingleBar({ format: '{file} {bar} {percentage} % | {done} MB | {eta} s left', barsize: 24 })
        bar.start(total ?? done, 0, { file, done: megabytes(done) })
        shown = file
      }
      bar?.update(done, { file, done: megabytes(done) })
    },
    stop() {
      bar?.stop()
      bar = undefined
    },
  }
}

/** A line per file, elsewhere. */
function lines(): View {
  let shown = ''
  return {
    progress(file, _, total) {
      if (file === shown) return
      console.log(`${file}${total === undefined ? '' : `, ${megabytes(total)} MB`}`)
      shown = file
    },
    stop() {},
  }
}
