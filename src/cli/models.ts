import { Command } from 'commander'
import { KdgradError } from '../errors.ts'
import { type ModelOptions, models, summary } from '../nn/models/index.ts'
import { count } from './numbers.ts'
import { oneOf } from './suggest.ts'
import { tableText } from './table.ts'

interface Flags {
  readonly size?: number
  readonly channels?: number
  readonly classes?: number
}

/** `kdgrad models`: every model, or those that are named, for images of some size. */
export const modelsCommand = (): Command =>
  new Command('models')
    .description('list the models: parameters, multiply-adds, feature taps')
    .argument('[name...]', 'which models; all where left out')
    .option('--size <n>', "height and width of the images (default: the model's own, 32 for most)", count)
    .option('--channels <n>', "their channels (default: the model's own, 3 for most)", count)
    .option('--classes <n>', "classes (default: the model's own, 100 for most)", count)
    .action((names: readonly string[], { size, channels, classes }: Flags) => {
      const options = {
        ...(size === undefined ? {} : { size }),
        ...(channels === undefined ? {} : { inChannels: channels }),
        ...(classes === undefined ? {} : { classes }),
      }
      const known = [...models.keys()]
      const rows =
        names.length > 0
          ? names.map((name) => modelRow(oneOf('models', name, known), options))
          : known.map((name) => rowOrReason(name, options))
      console.log(tableText(modelHead, rows, 'left', [null, null, null, null, 60]))
    })

export const modelHead = ['model', 'images', 'parameters', 'multiply-adds (M)', 'feature taps'] as const

/** A row under `modelHead`: the same words on the command line and in docs/models.md. */
export function modelRow(name: string, options: Partial<ModelOptions> = {}): readonly string[] {
  const { parameters, multiplyAdds, image, taps } = summary(models.get(name)!, options)
  return [
    name,
    image.join('x'),
    parameters.toLocaleString('en-US'),
    (multiplyAdds / 1e6).toFixed(2),
    taps.map((tap) => `${tap.name} ${sizes(tap.shape)}`).join(', '),
  ]
}

/** `16@32` for a map of 16 channels of 32 x 32; a vector's length. */
const sizes = ([channels, size]: readonly number[]): string =>
  size === undefined ? String(channels) : `${channels}@${size}`

/** In a list of all models, one that cannot take such images says why. */
function rowOrReason(name: string, options: Partial<ModelOptions>): readonly string[] {
  try {
    return modelRow(name, options)
  } catch (error) {
    if (!(error instanceof KdgradError)) throw error
    return [name, '-', '-', '-', error.message]
  }
}
