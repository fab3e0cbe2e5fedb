import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { decodeSafetensors } from '../src/data/index.ts'
import { losses } from '../src/losses/index.ts'
import { kdgrad } from './support/run-cli.ts'

const scratch = mkdtempSync(join(tmpdir(), 'kdgrad-methods-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))
const folder = (name: string) => join(scratch, name)

const quick =
  'distill --train-images 60 --test-images 20 --labels 20 --epochs 1 --teacher-epochs 1 --init-epochs 1 --device cpu'.split(
    ' ',
  )
const read = (name: string, file: string) => readFileSync(join(folder(name), file), 'utf8')
const metricsOf = (name: string, row: string) =>
  read(name, 'metrics.jsonl')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter((line) => line.row === row)

test('every published method trains a student and has a row in the table', async () => {
  const { code, err, out } = await kdgrad([...quick, '--losses', 'all', '--out', folder('all')])
  expect(err).toBe('')
  expect(code).toBe(0)
  const ids = [...losses.keys()].filter((id) => id !== 'ce')
  const summary = JSON.parse(read('all', 'summary.json')) as { row: string; accuracy: { mean: number } }[]
  expect(summary.map(({ row }) => row)).toEqual(['teacher', 'alone', 'alone x0.5', 'alone x2', ...ids])
  for (const { row, accuracy } of summary) expect(accuracy.mean, row).toBeGreaterThanOrEqual(0)
  for (const id of ids) expect(out).toMatch(new RegExp(`│ ${id} +│`))
  // Two chances to be wrong about who answers: the exits, and the teacher's classifier.
  expect(out).toMatch(/byot by exit, accuracy in %: deepest [\d.]+, .*ensemble [\d.]+/)
  expect(metricsOf('all', 'byot')[0].exits).toHaveProperty('ensemble')
}, 180_000)

describe('a sum of losses', () => {
  test('logs every term with its weight, and warms up what it is told to', async () => {
    const { code, out, err } = await kdgrad([
      ...quick,
      '--epochs',
      '2',
      '--losses',
      'ce + 0.9*kldiv + 50*fitnet',
      '--fitnet.warmup',
      '2',
      '--fitnet.layers',
      'stage1:stage1',
      '--kldiv.temperature',
      '2',
      '--out',
      folder('sum'),
    ])
    expect(err).toBe('')
    expect(code).toBe(0)
    const row = 'ce + 0.9*kldiv + 50*fitnet'
    expect(out).toContain(`${row}, fitnet: compares stage1 [N, 4, 14, 14] -> stage1 [N, 8, 14, 14]`)
    expect(out).toContain('regressor.conv.weight [8, 4, 1, 1]')
    const epochs = metricsOf('sum', row)
    expect(epochs.map(({ terms }) => [terms.ce.weight, terms.kldiv.weight, terms.fitnet.weight])).toEqual([
      [1, 0.9, 25],
      [1, 0.9, 50],
    ])
    for (const { loss, terms } of epochs)
      expect(terms.ce.loss + 0.9 * terms.kldiv.loss + terms.fitnet.weight * terms.fitnet.loss).toBeCloseTo(
        loss,
        3,
      )
    const { methods } = JSON.parse(read('sum', 'config.json'))
    expect(methods[0].terms[2]).toMatchObject({ loss: 'fitnet', weight: 50, warmup: 2 })
    expect(methods[0].terms[1].parameters.temperature).toBe(2)
    const saved = join(folder('sum'), 'weights', 'ce-0.9xkldiv-50xfitnet-seed0.fitnet.safetensors')
    const { tensors } = decodeSafetensors(readFileSync(saved), saved)
    expect([...tensors.keys()]).toContain('regressor.bn.running_mean')
  })
})

describe('a preliminary stage', () => {
  const stage = async (initRate: number) => {
    const name = `stage-${initRate}`
    const flags =
      `--losses ft --lr 0.01 --schedule constant --batch 5 --init-epochs 3 --ft.initRate ${initRate}`.split(
        ' ',
      )
    const { code, out, err } = await kdgrad([...quick, ...flags, '--out', folder(name)])
    expect({ code, err }).toEqual({ code: 0, err: '' })
    const rates = metricsOf(name, 'ft').map(({ stage, learningRate }) => [stage, learningRate])
    expect(rates).toEqual([...Array(3).fill(['ft', initRate * 0.01]), [undefined, 0.01]])
    return out
  }

  test('has a learning rate of its own', async () => expect(await stage(0.5)).not.toContain('did not fall'))

  test('that blows up is warned about, though its loss falls from there', async () =>
    expect(await stage(50)).toMatch(
      /Warning: the loss of the preliminary stage ft of ft \(seed 0\) did not fall, got \S+ before its first step and \S+ in its last epoch\./,
    ))
})

describe('what cannot work is said before anything is trained', () => {
  const cases: readonly (readonly [args: string[], message: RegExp])[] = [
    [
      ['--losses', 'at', '--at.layers', 'stage7'],
      /^layers: the model has no stage7, got stage7\. It gives stage1 \[N, 4, 14, 14\], stage2 \[N, 8, 7, 7\], penultimate \[N, 392\]; its modules give conv1 \[N, 4, 28, 28\], .*\.\n$/,
    ],
    [['--losses', 'crd', '--crd.negatives', '30'], /^crd: .*30.*\n$/],
    [['--losses', 'fsp', '--fsp.adapter', 'false'], /^fsp: .*channels.*\n$/],
    [['--losses', 'reviewkd', '--labels', '33'], /^reviewkd: .*\n$/],
    [
      ['--losses', 'byot + simkd'],
      /^train: one loss at most can say how the student predicts, got byot and simkd\. Leave one out\.\n$/,
    ],
  ]

  test.each(cases.map(([args, message]) => ({ args, message, title: args.join(' ') })))(
    '$title',
    async ({ args, message }) => {
      const out = folder(`refused ${args.join(' ')}`)
      const { code, err } = await kdgrad([...quick, ...args, '--out', out])
      expect(err).toMatch(message)
      expect(code).toBe(2)
      expect(existsSync(out)).toBe(false)
    },
  )
})

test('layers can be modules inside the networks', async () => {
  const args = ['--losses', 'at', '--at.layers', 'bn1:bn1,conv2:bn2', '--out', folder('taps')]
  const { code, err, out } = await kdgrad([...quick, ...args])
  expect(err).toBe('')
  expect(code).toBe(0)
  expect(out).toContain(
    'at: compares bn1 [N, 4, 28, 28] -> bn1 [N, 8, 28, 28]; conv2 [N, 8, 14, 14] -> bn2 [N, 16, 14, 14]',
  )
})

test('where no method has a teacher, none is trained', async () => {
  const { code, err, out } = await kdgrad([...quick, '--losses', 'byot,pskd', '--out', folder('free')])
  expect(err).toBe('')
  expect(code).toBe(0)
  const summary = JSON.parse(read('free', 'summary.json')) as { row: string }[]
  expect(summary.map(({ row }) => row)).toEqual(['alone', 'alone x0.5', 'alone x2', 'byot', 'pskd'])
  expect(out).toContain(
    'No method has a teacher. Of the 60 images of glyphs train, every student, alone or distilled, has seen the same 20 of them, drawn anew per seed.',
  )
})
