import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { describeLoss, shortPaper } from '../src/cli/describe-loss.ts'
import { defineLoss, losses } from '../src/losses/index.ts'
import { kdgrad } from './support/run-cli.ts'

/** The cells of a table's rows, wrapped lines joined. */
function rowsOf(out: string): string[][] {
  const lines = out.split('\n').filter((line) => /^[│├┌└]/.test(line))
  const rows: string[][] = []
  let fresh = true
  for (const line of lines) {
    if (!line.startsWith('│')) {
      fresh = true
      continue
    }
    const cells = line
      .slice(1, -1)
      .split('│')
      .map((text) => text.trim())
    if (fresh) rows.push(cells)
    else rows.push(rows.pop()!.map((text, i) => `${text} ${cells[i]}`.trim()))
    fresh = false
  }
  return rows
}

describe('losses', () => {
  test('lists every published loss with paper, formula, defaults and needs', async () => {
    const { code, out, err } = await kdgrad(['losses'])
    expect([code, err]).toEqual([0, ''])
    const [head, ...rows] = rowsOf(out)
    expect(head).toEqual(['loss', 'paper', 'formula', 'defaults', 'needs'])
    expect(rows.map(([id]) => id)).toEqual([...losses.keys()])
    for (const [id, paper, formula, , needs] of rows) {
      expect(formula, id).toBe(losses.get(id!)!.about.formula)
      expect(needs, id).not.toBe('')
      if (id !== 'ce') expect(paper, id).toMatch(/^\S.* (19|20)\d\d$/)
    }
    // Nothing is too wide for its column.
    expect(out).not.toContain('…')
    expect(rows.find(([id]) => id === 'dkd')).toEqual([
      'dkd',
      'Zhao et al., CVPR 2022',
      'T² (alpha TCKD + beta NCKD): target class or not, and which of the others',
      'alpha 1, beta 8, temperature 4',
      'teacher, labels',
    ])
    expect(rows.find(([id]) => id === 'at')!.slice(3)).toEqual(['p 2, form code', 'teacher, maps'])
    expect(rows.find(([id]) => id === 'ce')!.slice(1)).toEqual([
      '-',
      'mean over n of -log softmax(s)[y]',
      '-',
      'labels',
    ])
  })

  test('shows one in full', async () => {
    const { code, out } = await kdgrad(['losses', 'dkd'])
    expect(code).toBe(0)
    expect(out.split('\n').slice(0, 7)).toEqual([
      'dkd: Decoupled knowledge distillation',
      'paper      Zhao, Cui, Song, Qiu, Liang: Decoupled Knowledge Distillation, CVPR 2022, arXiv:2203.08679',
      'formula    T² (alpha TCKD + beta NCKD): target class or not, and which of the others',
      'variant    the published one in log space: no NaN where the code has it',
      'needs      a teacher, labels',
      'weights    1 dkd + 1 ce; the weight of dkd grows over the first 8.3 % of the epochs',
      'beside it  nothing: no adapters, no state',
    ])
    expect(rowsOf(out)).toEqual([
      ['parameter', 'default', 'must', 'the default is from'],
      ['alpha', '1', 'be a finite number', 'mdistiller, CIFAR-100'],
      ['beta', '8', 'be a finite number', 'mdistiller, CIFAR-100, resnet32x4 to resnet8x4 (2 to 8 by pair)'],
      ['temperature', '4', 'be positive', 'mdistiller, CIFAR-100'],
    ])
  })

  test('says which layers are compared, and what is trained or remembered beside the student', async () => {
    const { out } = await kdgrad(['losses', 'fitnet,pskd'])
    const [fitnet, pskd] = out.split('\n\n')
    expect(fitnet).toContain('\nlayers     the middle map [N, C, H, W] of each network\n')
    expect(fitnet).toContain(
      '\nbeside it  adapters, trained with the student; a preliminary stage of training\n',
    )
    expect(rowsOf(fitnet!).at(-1)).toEqual([
      'layers',
      'auto',
      'name layers: stage1,stage2 or student:teacher',
      'this library: see layers above',
    ])
    expect(pskd).toContain('\nneeds      labels, sample indices, the training set, the progress\n')
    expect(pskd).toContain('\nweights    1 pskd\n')
    expect(pskd).toContain('\nbeside it  state, which moves with every step\n')
  })

  test('shows a loss without parameters', async () => {
    const { out } = await kdgrad(['losses', 'ce'])
    expect(out).toContain('\nIt has no parameters.\n')
  })

  test("shows a user's own loss", async () => {
    const scratch = fileURLToPath(new URL('.snippets', import.meta.url))
    mkdirSync(scratch, { recursive: true })
    const folder = mkdtempSync(join(scratch, 'own-'))
    const path = join(folder, 'own-loss.ts')
    writeFileSync(
      path,
      `import { defineLoss } from '../../../src/losses/index.ts'
       export const logitMse = defineLoss('logitMse', { scale: 1 }, ({ student, teacher }, { scale }: { scale: number }) =>
         student.logits.sub(teacher.logits).square().mean().mul(scale))`,
    )
    const { out, err } = await kdgrad(['losses', path])
    rmSync(folder, { recursive: true })
    expect(err).toBe('')
    expect(out.split('\n').slice(0, 4)).toEqual([
      'logitMse',
      'needs      a teacher',
      'weights    1 logitMse + 1 ce',
      'beside it  nothing: no adapters, no state',
    ])
    expect(rowsOf(out).at(-1)).toEqual(['scale', '1', 'be a finite number', 'the loss itself'])
  })

  test('an unknown id is one sentence and exit code 2', async () => {
    const { code, out, err } = await kdgrad(['losses', 'dkk'])
    expect(err).toBe(
      `losses: there is no dkk. Did you mean dkd? Choose from ${[...losses.keys()].join(', ')}.\n`,
    )
    expect([code, out]).toEqual([2, ''])
  })
})

describe('a description', () => {
  test('names every part that a specification has', () => {
    const loss = defineLoss(
      'whole',
      {
        needs: ['labels'],
        adapters: () => ({}),
        state: () => ({}),
        preliminary: { epochs: () => 0 },
        predict: ({ student }) => ({ student: student.logits }),
      },
      ({ student }) => student.logits.mean(),
    )
    expect(loss.has).toEqual(['adapters', 'state', 'preliminary', 'predict'])
    expect(Object.fromEntries(describeLoss(loss).facts)['beside it']).toBe(
      'adapters, trained with the student; state, which moves with every step; a preliminary stage of training; a prediction of its own',
    )
  })

  test.each([
    ['Hinton, Vinyals, Dean: Distilling, 2015, arXiv:1503.02531', 'Hinton et al., 2015'],
    ['Xu, Liu: Data-Distortion: Guided, AAAI 2019', 'Xu and Liu, AAAI 2019'],
    ['Kim: One, ICCV 2021, arXiv:1, eq. 5', 'Kim, ICCV 2021'],
    ['Kim', 'Kim'],
    [undefined, undefined],
  ])('shortens a paper: %s', (paper, short) => {
    expect(shortPaper(paper)).toBe(short)
  })
})
