import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { readConfig } from '../src/cli/config-file.ts'
import { decodeSafetensors, encodeSafetensors } from '../src/data/index.ts'
import { DeviceError } from '../src/errors.ts'
import { RunFolder } from '../src/train/run-folder.ts'
import { kdgrad } from './support/run-cli.ts'

const scratch = mkdtempSync(join(tmpdir(), 'kdgrad-config-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))
const at = (name: string) => join(scratch, name)
const written = (name: string, text: string) => {
  writeFileSync(at(name), text)
  return at(name)
}

const recipe = `# a small experiment
trainImages: 100
test-images: 50
labels: 20
epochs: 2
teacherEpochs: 1
losses: [kldiv, dkd]
dkd:
  beta: 3
device: cpu
threads: 1
`

describe('a configuration file', () => {
  test('sets flags, which the command line overrides; the run can be repeated from its own', async () => {
    const file = written('recipe.yaml', recipe)
    const first = await kdgrad(['distill', '--config', file, '--epochs', '1', '--out', at('first')])
    expect(first).toMatchObject({ code: 0, err: '' })
    const { options, sources } = JSON.parse(readFileSync(join(at('first'), 'config.json'), 'utf8'))
    expect(options).toMatchObject({ epochs: 1, labels: 20, 'dkd.beta': 3, losses: 'kldiv,dkd', lr: 0.005 })
    expect(sources).toMatchObject({
      epochs: 'command line',
      labels: `file ${file}`,
      'dkd.beta': `file ${file}`,
      'dkd.alpha': 'mdistiller, CIFAR-100',
      'dkd.warmup': 'published, docs/losses.md#dkd',
      'kldiv.ceWeight': 'published, docs/losses.md#kldiv',
      lr: 'default of kdgrad',
    })
    const config = join(at('first'), 'config.json')
    const second = await kdgrad(['distill', '--config', config, '--out', at('second')])
    expect(second.code).toBe(0)
    const metrics = (name: string) => readFileSync(join(at(name), 'metrics.jsonl'), 'utf8')
    expect(metrics('second')).toBe(metrics('first'))
  })

  test('0 is none: --val 0, --label-noise 0, --mixup 0', async () => {
    const file = written('recipe.yaml', `${recipe}labelNoise: 0.4\n`)
    const run = async (name: string, ...flags: string[]) => {
      const ended = await kdgrad(['distill', '--config', file, ...flags, '--out', at(name)])
      expect(ended).toMatchObject({ code: 0, err: '' })
      return readFileSync(join(at(name), 'metrics.jsonl'), 'utf8')
    }
    const none = await run('none', '--epochs', '1', '--val', '0', '--label-noise', '0', '--mixup', '0')
    expect(none).toBe(readFileSync(join(at('first'), 'metrics.jsonl'), 'utf8'))
    // What it goes on with is what it began with.
    expect(await kdgrad(['distill', '--resume', at('none')])).toMatchObject({ code: 0, err: '' })
    const { code, err } = await kdgrad(['distill', '--config', file, '--label-noise', '1'])
    expect(err).toMatch(/argument '1' is invalid\. Give a number of at least 0 and below 1\.\n$/)
    expect(code).toBe(2)
  })

  const cases: readonly (readonly [text: string, message: RegExp])[] = [
    [
      'epochs: 3\nepochz: 4\n',
      /^config: .*bad\.yaml:2: there is no epochz\. Did you mean epochs\? Choose one that kdgrad distill --help lists\.\n$/,
    ],
    ['teacherEpoch: 3\n', /^config: .*bad\.yaml:1: there is no teacherEpoch\. Did you mean teacherEpochs\? /],
    ['\nquux-corge: 3\n', /^config: .*bad\.yaml:2: there is no quux-corge\. Choose one that kdgrad distill /],
    [
      'losses: dkd\nrkd: {warmup: 1, angelWeight: 2}\n',
      /^config: .*bad\.yaml:2: there is no rkd\.angelWeight\. Did you mean rkd\.angleWeight\? Choose from rkd\.distanceWeight, rkd\.angleWeight, /,
    ],
    [
      'dkk: {beta: 1}\n',
      /^config: .*bad\.yaml:1: there is no dkk\.beta\. Did you mean dkd\.beta\? Choose one that /,
    ],
    [
      'epochs: *many\n',
      /^config: .*bad\.yaml:1 repeats what has no anchor above it, got \*many\. Write &many before the first of them\.\n$/,
    ],
    ['dkd: &a\n  beta: *a\n', /^config: .*bad\.yaml:2 needs a value, got a nested one for dkd\.beta\./],
    [
      'dkd: &a\n  <<: *a\n',
      /^config: .*bad\.yaml:2 merges maps that end above it, got one around it for <<\./,
    ],
    [
      'epochs: &a 3\ndkd:\n  <<: [*a]\n',
      /^config: .*bad\.yaml:3 merges maps that end above it, got none for <<\./,
    ],
    ['dkd: &a\n  bta: 2\nlosses: dkd\nlskdDkd: *a\n', /^config: .*bad\.yaml:2: there is no dkd\.bta\./],
    ['epochs: many\n', /^config: .*bad\.yaml:1 has a wrong value, got many for epochs\. Give a whole number/],
    [
      'lr: 0.1\noptimizer: adm\n',
      /^config: .*bad\.yaml:2 must be one of sgd, adam, .* got adm for optimizer\./,
    ],
    ['epochs: 3\n  lr: 4\n', /^config: .*bad\.yaml:\d is no YAML or JSON, got /],
    ['epochs:\n', /^config: .*bad\.yaml:1 needs a value, got none for epochs\./],
    ['- epochs\n', /^config: .*bad\.yaml must hold options by name, got a list\./],
    ['dkd: {beta: {deep: 1}}\n', /^config: .*bad\.yaml:1 needs a value, got a nested one for dkd\.beta\./],
    ['resume: runs/a\n', /^config: .*bad\.yaml:1 cannot be set by a file, got runs\/a for resume\./],
    [
      'options: {epochs: 3}\nlr: 0.1\n',
      /^config: .*bad\.yaml:2 has no effect beside options, got lr\. Put it under options\.\n$/,
    ],
    [
      'kdgrad: 0.1.0\nstudent: {model: c16}\nepochs: 4\noptions: {epochs: 3}\n',
      /^config: .*bad\.yaml:3 has no effect beside options, got epochs\. Put it under options\.\n$/,
    ],
    ['losses: [dkk]\n', /^losses: there is no dkk\. Did you mean dkd\?/],
    [
      'dkd: {bta: 1}\nlosses: dkd\n',
      /^config: .*bad\.yaml:1: there is no dkd\.bta\. Did you mean dkd\.beta\?/,
    ],
  ]
  test.each([
    [
      ['--schedule', 'plateau'],
      'schedule plateau: it waits for a better validation accuracy, got no validation set.',
    ],
    [['--step-size', '0.5'], 'step-size: cosine has none, got 0.5. Leave it out, or choose step.'],
    [['--mixup', '0.4', '--losses', 'crd'], 'mixup: crd goes by single images, which mixed ones are not'],
    [['--classes', 'coarse'], 'loadDataset: glyphs has no such option, got labels coarse.'],
  ])('%j is refused', async (flags, message) => {
    const { code, err } = await kdgrad(['distill', ...flags])
    expect(err).toContain(message)
    expect(code).toBe(2)
  })

  test.each(cases)('%j is refused with its line', async (text, message) => {
    const { code, err } = await kdgrad(['distill', '--config', written('bad.yaml', text)])
    expect(err).toMatch(message)
    expect(err.trim().split('\n')).toHaveLength(1)
    expect(code).toBe(2)
  })

  test.each(['', '%YAML 1.1\n---\n'])('repeats what has an anchor, and merges maps: %j', (head) => {
    const text = `losses: [&first kldiv, *first]
trainImages: &few 100
testImages: *few
dkd: &dkd
  alpha: 2
  beta: 3
kldiv: *dkd
dist: &dist
  <<: *dkd
  beta: 4
<<: [{ train-images: 7, labels: 20, dist.gamma: 1 }, { labels: 30, epochs: 2 }]
rkd:
  <<: [*dist, *dkd]
`
    const settings = readConfig(written('aliases.yaml', head + text))
    expect(Object.fromEntries(settings.map(({ name, text }) => [name, text]))).toEqual({
      losses: 'kldiv,kldiv',
      trainImages: '100',
      testImages: '100',
      'dkd.alpha': '2',
      'dkd.beta': '3',
      'kldiv.alpha': '2',
      'kldiv.beta': '3',
      'dist.alpha': '2',
      'dist.beta': '4',
      'dist.gamma': '1',
      'rkd.alpha': '2',
      'rkd.beta': '4',
      labels: '20',
      epochs: '2',
    })
    expect(settings).toHaveLength(14)
    const lines = head ? 2 : 0
    const lineOf = (name: string) => settings.find((setting) => setting.name === name)?.place.split(':')[1]
    expect(lineOf('rkd.beta')).toBe(String(lines + 10))
    expect(lineOf('kldiv.beta')).toBe(String(lines + 6))
  })

  test('that is not there is named', async () => {
    const { code, err } = await kdgrad(['distill', '--config', at('nothing.yaml')])
    expect(err).toMatch(/^config: cannot read .*nothing\.yaml, got ENOENT\. Check the path\.\n$/)
    expect(code).toBe(2)
  })
})

describe('resuming', () => {
  const run = at('run')
  const checkpoint = join(run, 'checkpoint.safetensors')
  beforeAll(async () => {
    const { code } = await kdgrad(['distill', '--config', written('recipe.yaml', recipe), '--out', run])
    expect(code).toBe(0)
    copyFileSync(checkpoint, at('whole'))
  })
  const resume = (folder: string, ...more: string[]) => kdgrad(['distill', '--resume', folder, ...more])

  test('a run that is over tells its table again', async () => {
    const metrics = readFileSync(join(run, 'metrics.jsonl'), 'utf8')
    const { code, out } = await resume(run)
    expect(code).toBe(0)
    expect(out).toMatch(/│ dkd +│/)
    expect(readFileSync(join(run, 'metrics.jsonl'), 'utf8')).toBe(metrics)
  })

  test('from a damaged checkpoint is refused, and nothing is lost', async () => {
    for (const [bytes, message] of [
      [readFileSync(at('whole')).subarray(0, 100), /checkpoint\.safetensors .*cut short|claims a header/],
      [Buffer.from('not a checkpoint at all'), /checkpoint\.safetensors/],
      [edited('"format":"3"', '"format":"0"'), /^checkpoint: .* is of another version, got format 0\. /],
      [edited('finished', 'finishex'), /^checkpoint: .* is damaged, /],
    ] as const) {
      writeFileSync(checkpoint, bytes)
      const metrics = readFileSync(join(run, 'metrics.jsonl'), 'utf8')
      const { code, err } = await resume(run)
      expect(err).toMatch(message)
      expect(err.trim().split('\n')).toHaveLength(1)
      expect(code).toBe(2)
      expect(readFileSync(join(run, 'metrics.jsonl'), 'utf8')).toBe(metrics)
    }
    copyFileSync(at('whole'), checkpoint)
  })

  /** The checkpoint with one text in place of another. */
  function edited(from: string, to: string): Buffer {
    const bytes = Buffer.from(readFileSync(at('whole')))
    bytes.write(to, bytes.indexOf(from))
    return bytes
  }

  test('is what a run whose device failed says how to do', async () => {
    const failed = at('failed')
    const write = RunFolder.prototype.writeCheckpoint
    const writing = vi.spyOn(RunFolder.prototype, 'writeCheckpoint')
    writing.mockImplementationOnce(function (this: RunFolder, ...args) {
      return write.apply(this, args)
    })
    writing.mockRejectedValueOnce(new DeviceError('test: the device was lost, got nothing. Try again.'))
    const flags = ['--config', at('recipe.yaml'), '--checkpoint-every', '1', '--out', failed]
    const { code, out, err } = await kdgrad(['distill', ...flags])
    writing.mockRestore()
    expect(err).toBe('test: the device was lost, got nothing. Try again.\n')
    expect(code).toBe(2)
    const hint = `The device failed: what was measured so far is in ${failed}; go on with --resume ${failed}\n`
    expect(out.endsWith(hint)).toBe(true)
    expect(await resume(failed)).toMatchObject({ code: 0, err: '' })
    const metrics = (folder: string) => readFileSync(join(folder, 'metrics.jsonl'), 'utf8')
    expect(metrics(failed)).toBe(metrics(run))
  })

  test('under another configuration is refused', async () => {
    const config = join(run, 'config.json')
    const before = readFileSync(config, 'utf8')
    writeFileSync(config, before.replace('"epochs": 2', '"epochs": 3'))
    const { code, err } = await resume(run)
    expect(err).toMatch(/^checkpoint: .* is of another experiment, /)
    expect(code).toBe(2)
    writeFileSync(config, before)
  })

  test('with weights of another model is refused by name', async () => {
    const weights = join(run, 'weights', 'teacher-seed0.safetensors')
    const before = readFileSync(weights)
    copyFileSync(join(run, 'weights', 'alone-seed0.safetensors'), weights)
    const { code, err } = await resume(run)
    expect(err).toMatch(/^loadStateDict: the entries do not fit the model, got missing .*misshapen /)
    expect(code).toBe(2)
    writeFileSync(weights, before)
  })

  test('takes no other flags, and a folder that holds a run', async () => {
    expect((await resume(run, '--epochs', '3')).err).toBe(
      'resume: a run goes on with what it began with, got --epochs too. Leave the other flags out, or start a new run.\n',
    )
    mkdirSync(at('empty'))
    const { code, err } = await resume(at('empty'))
    expect(err).toMatch(/^resume: the folder holds no run, got .*empty\. Name one/)
    expect(code).toBe(2)
  })

  test('a run that another process is at is refused', async () => {
    const lock = join(run, 'lock')
    // Process 1 is always there.
    writeFileSync(lock, '1')
    const { code, err } = await resume(run)
    expect(err).toBe(
      `out: another process is at this run, got 1 for ${run}. Wait until it ends, or choose another folder; if 1 is no kdgrad, delete ${lock}.\n`,
    )
    expect(code).toBe(2)
    writeFileSync(lock, '999999999')
    expect((await resume(run)).code).toBe(0)
    expect(existsSync(lock)).toBe(true)
  })
})

describe('a teacher that is trained already', () => {
  const teach = ['distill', '--config']

  test('is judged, and taught from; its weights are PyTorch names in safetensors', async () => {
    const file = written('taught.yaml', recipe)
    expect((await kdgrad([...teach, file, '--losses', 'kldiv', '--out', at('own')])).code).toBe(0)
    const weights = join(at('own'), 'weights', 'teacher-seed0.safetensors')
    // As PyTorch saves it, with a counter that nothing here reads.
    const { tensors } = decodeSafetensors(readFileSync(weights), weights)
    tensors.set('bn1.num_batches_tracked', { shape: [], data: Int32Array.of(3) })
    writeFileSync(at('torch.safetensors'), encodeSafetensors(tensors))
    const given = await kdgrad([
      ...teach,
      file,
      '--losses',
      'kldiv',
      '--teacher-weights',
      at('torch.safetensors'),
      '--out',
      at('given'),
    ])
    expect(given).toMatchObject({ code: 0, err: '' })
    expect(given.out).toContain('The teacher was trained before: what it has seen is not known.')
    expect(given.out).toMatch(/│ teacher .*│ +unknown │/)
    const students = (name: string) =>
      readFileSync(join(at(name), 'metrics.jsonl'), 'utf8')
        .split('\n')
        .filter((line) => !line.includes('"teacher"'))
    expect(students('given')).toEqual(students('own'))
  })

  test('of another model is refused, entry by entry', async () => {
    const weights = join(at('own'), 'weights', 'alone-seed0.safetensors')
    const { code, err } = await kdgrad([
      ...teach,
      at('taught.yaml'),
      '--teacher-weights',
      weights,
      '--out',
      at('wrong'),
    ])
    expect(err).toMatch(/missing hidden\.weight.*misshapen conv1\.weight \[4, 1, 3, 3\] for \[8, 1, 3, 3\]/)
    expect(code).toBe(2)
    expect(existsSync(at('wrong'))).toBe(false)
  })
})
