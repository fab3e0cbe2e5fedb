import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { version } from '../src/cli/version.ts'
import { decodeSafetensors } from '../src/data/index.ts'
import { losses } from '../src/losses/index.ts'
import { type Ended, kdgrad } from './support/run-cli.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'kdgrad-cli-'))
// What has been fetched on this machine is not looked at.
process.env.XDG_CACHE_HOME = scratch
afterAll(() => {
  delete process.env.XDG_CACHE_HOME
  rmSync(scratch, { recursive: true, force: true })
})

/** Runs `kdgrad` as a process of its own; `watch` sees the output as it comes and may interrupt it. */
function spawned(
  args: readonly string[],
  watch: (out: string, interrupt: () => void) => void,
): Promise<Ended> {
  const child = spawn(process.execPath, ['--import', 'tsx', join(root, 'src/cli/main.ts'), ...args], {
    cwd: root,
  })
  let [out, err] = ['', '']
  let interrupted = false
  child.stdout.on('data', (chunk) => {
    out += chunk
    // A second one would end the process on the spot.
    if (!interrupted) watch(out, () => (interrupted = child.kill('SIGINT')))
  })
  child.stderr.on('data', (chunk) => {
    err += chunk
  })
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })))
}

const quick =
  'distill --train-images 200 --test-images 100 --labels 20 --epochs 2 --teacher-epochs 1 --device cpu'.split(
    ' ',
  )
const folder = (name: string) => join(scratch, name)
const lines = (path: string) =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

describe('bad input is one sentence and exit code 2', () => {
  const cases: readonly (readonly [args: string[], message: string])[] = [
    [['distil'], "unknown command 'distil'. Did you mean distill?"],
    [['distill', '--epoch', '3'], "unknown option '--epoch'. Did you mean --epochs?"],
    [['distill', '--dkd.bta', '3'], "unknown option '--dkd.bta'. Did you mean --dkd.beta?"],
    [
      ['distill', '--losses', 'dkk'],
      `losses: there is no dkk. Did you mean dkd? Choose from ${[...losses.keys()].join(', ')}.`,
    ],
    [
      ['distill', '--losses', 'kldiv,kldiv'],
      'losses: kldiv is named twice, got kldiv,kldiv. Name each loss once.',
    ],
    [
      ['distill', '--losses', 'ce + 0.9*kldvi'],
      `losses: there is no kldvi. Did you mean kldiv? Choose from ${[...losses.keys()].join(', ')}.`,
    ],
    [
      ['distill', '--losses', 'ce + x*kldiv'],
      'losses: a sum is made of ids and weights, got x*kldiv in ce + x*kldiv. Write it as in ce + 0.9*kldiv.',
    ],
    [
      ['distill', '--losses', 'ce + '],
      'losses: a sum is made of ids and weights, got nothing in ce +. Write it as in ce + 0.9*kldiv.',
    ],
    [
      ['distill', '--losses', 'kldiv + 2*kldiv'],
      'losses: kldiv is twice in one sum, got kldiv + 2*kldiv. Add up its weights.',
    ],
    [
      ['distill', '--losses', 'at', '--at.form', 'papr'],
      "option '--at.form <value>' argument 'papr' is invalid. Allowed choices are code, paper.",
    ],
    [
      ['distill', '--losses', 'kldiv', '--kldiv.temperature', '0'],
      "option '--kldiv.temperature <n>' argument '0' is invalid. It must be positive.",
    ],
    [
      ['distill', '--losses', 'ickd', '--ickd.adapter', 'maybe'],
      "option '--ickd.adapter <value>' argument 'maybe' is invalid. It must be true or false.",
    ],
    [['distill', '--losses', './nope.ts'], 'losses: there is no file ./nope.ts. Check the path.'],
    [
      ['distill', '--device', 'gpujs-wams'],
      'device: there is no gpujs-wams. Did you mean gpujs-wasm? Choose from auto, reference, cpu, gpujs-wasm, gpujs-cpu, webgpu, webgl2, headlessgl.',
    ],
    [
      ['distill', '--threads', 'two'],
      "option '--threads <n>' argument 'two' is invalid. Give a whole number of at least 1.",
    ],
    [
      ['distill', '--device', 'reference', '--threads', '2'],
      'device: only cpu has settings, got threads for reference. Leave them out.',
    ],
    [
      ['distill', '--dataset', 'mnsit'],
      'dataset: there is no mnsit. Did you mean mnist? Choose from glyphs, mnist, fashion-mnist, cifar10, cifar100, npz, folder.',
    ],
    [
      ['distill', '--dataset', 'mnist'],
      'data-dir: mnist needs a folder with its files, got none. Add --data-dir <folder>, or run kdgrad data fetch mnist.',
    ],
    [
      ['distill', '--labels', '0'],
      "option '--labels <n>' argument '0' is invalid. Give a whole number of at least 1.",
    ],
    [['distill', '--lr', 'fast'], "option '--lr <rate>' argument 'fast' is invalid. Give a number above 0."],
    [
      ['distill', '--labels', '3001'],
      'labels: glyphs train has fewer images, got 3001 of 3000. Ask for at most 3000.',
    ],
    [
      ['distill', '--out', '/proc/kdgrad'],
      'out: cannot write, got ENOENT for /proc/kdgrad. Choose a writable folder with --out.',
    ],
  ]

  // /proc is a folder in which not even root can write; other systems have none.
  const here = cases.filter(([args]) => existsSync('/proc') || !args.includes('/proc/kdgrad'))

  test.each(here.map(([args, message]) => ({ args, message, title: args.join(' ') })))(
    '$title',
    async ({ args, message }) => {
      const { code, err } = await kdgrad(args)
      expect(err).toBe(`${message}\n`)
      expect(code).toBe(2)
    },
  )
})

describe('distill', () => {
  test('writes a whole run folder, and the same metrics the second time', async () => {
    const args = [...quick, '--losses', 'kldiv', '--seed', '7', '--seeds', '2']
    const first = await kdgrad([...args, '--out', folder('a')])
    const second = await kdgrad([...args, '--out', folder('b')])
    expect(first.err).toBe('')
    expect(first.code).toBe(0)
    expect(first.out).toContain('The teacher has seen all 200 images of glyphs train')
    expect(first.out).toMatch(/│ kldiv +│/)
    const metrics = readFileSync(join(folder('a'), 'metrics.jsonl'), 'utf8')
    expect(metrics).toBe(readFileSync(join(folder('b'), 'metrics.jsonl'), 'utf8'))
    expect(second.code).toBe(0)
    expect(lines(join(folder('a'), 'metrics.jsonl')).length).toBe(1 + 2 * 4 * 2)

    const config = JSON.parse(readFileSync(join(folder('a'), 'config.json'), 'utf8'))
    expect(config).toMatchObject({
      kdgrad: version,
      options: { dataset: 'glyphs', device: 'cpu', epochs: 2, teacherLr: 0.004, 'kldiv.temperature': 4 },
      sources: {
        epochs: 'command line',
        teacherLr: 'default of kdgrad',
        'kldiv.temperature': 'RepDistiller and mdistiller, CIFAR-100',
      },
      device: { name: 'cpu', description: expect.stringMatching(/^SIMD WebAssembly.*, \d+ threads?$/) },
      seeds: [7, 8],
      data: { studentImages: 20, validationImages: 0 },
      methods: [
        {
          id: 'kldiv',
          terms: [
            { loss: 'ce', weight: 0.1, parameters: {} },
            { loss: 'kldiv', weight: 0.9, parameters: { temperature: 4 } },
          ],
        },
      ],
    })
    const summary = JSON.parse(readFileSync(join(folder('a'), 'summary.json'), 'utf8'))
    expect(summary.map((r: { row: string }) => r.row)).toEqual([
      'teacher',
      'alone',
      'alone x0.5',
      'alone x2',
      'kldiv',
    ])
    const path = join(folder('a'), 'weights', 'kldiv-seed8.safetensors')
    const { tensors } = decodeSafetensors(readFileSync(path), path)
    expect(tensors.get('conv1.weight')?.shape).toEqual([4, 1, 3, 3])
    expect(readFileSync(join(folder('a'), 'curves.svg'), 'utf8')).toMatch(/^<svg[\s\S]*kldiv[\s\S]*<\/svg>$/)
    expect(existsSync(join(folder('a'), 'summary.json.part'))).toBe(false)

    const again = await kdgrad([...args, '--out', folder('a')])
    expect(again.code).toBe(2)
    expect(again.err).toBe(
      `out: the folder holds a run already, got ${folder('a')}. Choose another with --out.\n`,
    )
    expect(readFileSync(join(folder('a'), 'metrics.jsonl'), 'utf8')).toBe(metrics)
  })

  test('Ctrl-C ends the run and keeps what was measured', async () => {
    const { code, out } = await spawned(
      [...quick, '--epochs', '3000', '--evaluate-every', '1', '--out', folder('stopped')],
      (text, interrupt) => {
        if (text.includes('alone (seed 0): epoch 2/')) interrupt()
      },
    )
    expect(code).toBe(130)
    expect(out).toContain(`Interrupted: what was measured so far is in ${folder('stopped')}`)
    const metrics = lines(join(folder('stopped'), 'metrics.jsonl'))
    expect(metrics[0]).toMatchObject({ row: 'teacher', epoch: 1 })
    expect(metrics.length).toBeGreaterThanOrEqual(3)
    expect(existsSync(join(folder('stopped'), 'weights', 'teacher-seed0.safetensors'))).toBe(true)
    expect(JSON.parse(readFileSync(join(folder('stopped'), 'summary.json'), 'utf8')).length).toBe(1)
  })

  test("trains with a user's own loss, whose parameters are flags", async () => {
    const own = join(root, 'test/.snippets', 'own-loss.ts')
    mkdirSync(join(root, 'test/.snippets'), { recursive: true })
    writeFileSync(
      own,
      `import { defineLoss } from '../../src/losses/index.ts'
       export const logitMse = defineLoss('logitMse', { scale: 1 }, ({ student, teacher }, { scale }: { scale: number }) =>
         student.logits.sub(teacher.logits).square().mean().mul(scale))`,
    )
    const { code, err, out } = await kdgrad([
      ...quick,
      '--losses',
      `kldiv,${own}`,
      '--logitMse.scale',
      '0.5',
      '--out',
      folder('own'),
    ])
    rmSync(own)
    expect(err).toBe('')
    expect(code).toBe(0)
    expect(out).toMatch(/│ logitMse +│/)
    const { methods } = JSON.parse(readFileSync(join(folder('own'), 'config.json'), 'utf8'))
    expect(methods[1].terms[1]).toEqual({ loss: 'logitMse', weight: 1, parameters: { scale: 0.5 } })
  })

  test('a loss that becomes infinite stops its run with a sentence, and the others go on', async () => {
    const { code, err, out } = await kdgrad([
      ...quick,
      '--losses',
      'kldiv,dist',
      '--kldiv.weight',
      '1e39',
      '--out',
      folder('inf'),
    ])
    expect(err).toMatch(
      /^train: the loss of kldiv became (Infinity|NaN) at step \d+ of \d+, epoch \d+, got .*kldiv (Infinity|NaN|[\d.e+]+) and learning rate [\d.e-]+\. A tensor \[\] held Infinity from the start\. Lower the learning rate or a weight, or look at that term\.\n/,
    )
    expect(err.trim().split('\n')[1]).toBe(
      'distill: a run did not come to the end, got NaN or infinity in kldiv (seed 0). The table is of the others.',
    )
    expect(code).toBe(2)
    expect(out).toMatch(/│ dist +│/)
    expect(out).not.toMatch(/│ kldiv +│/)
  })

  test('reads MNIST files, and names what is wrong with them', async () => {
    const data = folder('mnist')
    writeMnist(data)
    const few = quick.filter((_, i) => !/images|^[12]00$/.test(quick[i]!))
    const ran = await kdgrad([
      ...few,
      '--dataset',
      'mnist',
      '--data-dir',
      data,
      '--losses',
      'kldiv',
      '--out',
      folder('digits'),
    ])
    expect(ran.err).toBe('')
    expect(ran.code).toBe(0)
    writeFileSync(
      join(data, 't10k-labels-idx1-ubyte'),
      readFileSync(join(data, 't10k-labels-idx1-ubyte')).subarray(0, 20),
    )
    const cut = await kdgrad([...few, '--dataset', 'mnist', '--data-dir', data])
    expect(cut.code).toBe(2)
    expect(cut.err).toMatch(/^readIdx: .*cut short.*\n$/)
  })
})

test('devices says what is here and why the rest is not', async () => {
  const { code, out } = await kdgrad(['devices'])
  expect(code).toBe(0)
  expect(out).toMatch(/│ reference +│ yes +│ float64/)
  expect(out).toMatch(/│ cpu +│ yes +│ float32 +│ SIMD WebAssembly/)
  expect(out).toMatch(/│ gpujs-wasm +│ yes +│ float32/)
  expect(out).toMatch(/│ headlessgl +│ (yes|no) /)
  expect(out).toMatch(/^auto takes (cpu|webgpu) \(.+\)$/m)
  // A software adapter is never taken.
  if (/│ webgpu +│ (no|yes .*\(software\))/.test(out)) expect(out).toContain('auto takes cpu (')
})

/** Digits that are stripes at a place of their own, in the four files of MNIST. */
function writeMnist(path: string): void {
  mkdirSync(path, { recursive: true })
  for (const [name, count] of [
    ['train', 60],
    ['t10k', 30],
  ] as const) {
    const images = Buffer.alloc(16 + count * 784)
    const labels = Buffer.alloc(8 + count)
    for (const [i, n] of [0x803, count, 28, 28].entries()) images.writeUInt32BE(n, 4 * i)
    for (const [i, n] of [0x801, count].entries()) labels.writeUInt32BE(n, 4 * i)
    for (let i = 0; i < count; i++) {
      const label = i % 10
      labels[8 + i] = label
      images.fill(255, 16 + i * 784 + label * 56, 16 + i * 784 + label * 56 + 56)
    }
    writeFileSync(join(path, `${name}-images-idx3-ubyte`), images)
    writeFileSync(join(path, `${name}-labels-idx1-ubyte`), labels)
  }
}
