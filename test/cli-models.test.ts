import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { families, models } from '../src/nn/models/index.ts'
import { modelTable, page } from './support/model-table.ts'
import { kdgrad } from './support/run-cli.ts'

/** The first lines of a table's rows, cell by cell. */
const rowsOf = (out: string): string[][] =>
  out
    .split('\n')
    .filter((line) => /^│ \S/.test(line))
    .map((line) =>
      line
        .slice(1, -1)
        .split('│')
        .map((text) => text.trim()),
    )

describe('kdgrad models', () => {
  test('lists every model', async () => {
    const { code, out, err } = await kdgrad(['models'])
    expect([code, err]).toEqual([0, ''])
    const [head, ...rows] = rowsOf(out)
    expect(head).toEqual(['model', 'images', 'parameters', 'multiply-adds (M)', 'feature taps'])
    expect(rows.map(([name]) => name)).toEqual([...models.keys()])
    expect(rows[0]).toEqual(['s4-8', '1x28x28', '4,278', '0.09', 'stage1 4@14, stage2 8@7, penultimate 392'])
    // Nothing is too wide for its column.
    expect(out).not.toContain('…')
  })

  test('shows those that are named, for other images', async () => {
    const { code, out } = await kdgrad([
      ...['models', 'resnet8', 'resnet8x4'],
      ...['--size', '16', '--channels', '1', '--classes', '10'],
    ])
    expect(code).toBe(0)
    expect(rowsOf(out).slice(1)).toEqual([
      ['resnet8', '1x16x16', '77,754', '3.05', 'stem 16@16, stage1 16@16, stage2 32@8, stage3 64@4,'],
      ['resnet8x4', '1x16x16', '1,209,834', '44.12', 'stem 32@16, stage1 64@16, stage2 128@8, stage3 256@4,'],
    ])
  })

  test('says in the list which models cannot take such images', async () => {
    const { code, out } = await kdgrad(['models', '--size', '4'])
    expect(code).toBe(0)
    const rows = rowsOf(out)
    expect(rows.map(([name]) => name)).toEqual(['model', ...models.keys()])
    expect(rows.find(([name]) => name === 'resnet20')![4]).toMatch(/^stem 16@4/)
    expect(rows.find(([name]) => name === 'ResNet50')!.slice(1)).toEqual([
      ...['-', '-', '-'],
      'model: the images are too small for strides of 8 in all,',
    ])
  })

  test.each([
    [
      ['resnt20'],
      `models: there is no resnt20. Did you mean resnet20? Choose from ${[...models.keys()].join(', ')}.`,
    ],
    [
      ['ResNet50', '--size', '4'],
      'model: the images are too small for strides of 8 in all, got [3, 4, 4]. Use images of at least 8 x 8.',
    ],
  ])('%j is one sentence and exit code 2', async (args, message) => {
    expect(await kdgrad(['models', ...args])).toEqual({ code: 2, out: '', err: `${message}\n` })
  })
})

describe('docs/models.md', () => {
  test('is what npm run docs writes', () => {
    expect(readFileSync(page, 'utf8').replaceAll('\r\n', '\n')).toBe(modelTable())
  })

  test('names the paper of every structure', () => {
    for (const { title, paper } of families.slice(1)) expect(paper, title).toMatch(/\barXiv:\d{4}\.\d{4,5}\b/)
  })
})
