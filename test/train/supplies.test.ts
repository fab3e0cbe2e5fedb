import { describe, expect, test } from 'vitest'
import { horizontalFlip } from '../../src/data/index.ts'
import { Student } from '../../src/nn/models/index.ts'
import { Random } from '../../src/random.ts'
import type { Tensor } from '../../src/tensor.ts'
import { logitsOf } from '../../src/train/evaluate.ts'
import { batchOf, type Sources } from '../../src/train/supplies.ts'
import { noise } from '../support/noise.ts'

const data = noise(1, 12, 8)
const model = (seed: number) => new Student({ size: 8, classes: 3, channels: [2, 3], seed }).eval()
const [student, teacher, before] = [model(1), model(2), model(3)]
const halves = horizontalFlip({ p: 0.5 })
const pick = { indices: [0, 3, 5, 8], progress: { epoch: 1, epochs: 2, step: 0 } }

async function suppliedOf(changes: Partial<Sources>) {
  const sources: Sources = {
    data,
    student,
    teacher,
    peer: undefined,
    teacherLogits: () => new Float32Array(12 * 3),
    formerSelf: () => before,
    taps: { student: [], teacher: [] },
    teacherFeatures: false,
    secondView: halves,
    augment: halves,
    random: new Random(4),
    ...changes,
  }
  const batch = batchOf(sources, new Set(['teacher', 'formerSelf', 'view']), pick)
  const numbers = async (logits: Tensor) => Array.from(await logits.data())
  return {
    student: await numbers(batch.student.logits),
    teacher: await numbers(batch.teacher!.logits),
    formerSelf: await numbers(batch.formerSelf!.logits),
    view: await numbers(batch.view!.student.logits),
  }
}

describe('where images are augmented', () => {
  test('teacher and former self see what the student sees', async () => {
    const all = await suppliedOf({ teacher: student, formerSelf: () => student })
    expect(all.teacher).toEqual(all.student)
    expect(all.formerSelf).toEqual(all.student)
    const clean = await suppliedOf({ augment: undefined })
    expect(clean.student).not.toEqual(all.student)
  })

  test('a second view is another draw of the same augmentation', async () => {
    const { student: first, view } = await suppliedOf({})
    const views = await Promise.all(
      [0, 1].map(async (p) => (await suppliedOf({ augment: horizontalFlip({ p }) })).student),
    )
    const rows = (logits: number[]) => [0, 1, 2, 3].map((n) => logits.slice(3 * n, 3 * n + 3))
    expect(view).not.toEqual(first)
    rows(view).forEach((row, n) => {
      expect(views.map((each) => rows(each)[n])).toContainEqual(row)
    })
  })
})

test('where they are not, what the former self said of all images is looked up', async () => {
  const known = await logitsOf(before, data)
  const looked = await suppliedOf({ augment: undefined, formerSelf: () => known })
  expect(looked.formerSelf).toEqual(pick.indices.flatMap((i) => [...known.subarray(3 * i, 3 * i + 3)]))
  const passed = await suppliedOf({ augment: undefined })
  passed.formerSelf.forEach((logit, i) => {
    expect(logit).toBeCloseTo(looked.formerSelf[i]!, 5)
  })
})
