import { ShapeError, show } from '../../errors.ts'
import type { Tensor } from '../../tensor.ts'
import type { Layer } from '../layers.ts'

/**
 * Two features of any shape as one row per sample, [N, D_s] and [N, D_t].
 *
 * @throws ShapeError naming the loss and the layers where they have no rows, or not the same number of them.
 */
export function samplesOf(
  id: string,
  { name, student, teacher }: Layer,
): { student: Tensor; teacher: Tensor } {
  if (student.rank < 2 || teacher.rank < 2 || student.shape[0] !== teacher.shape[0])
    throw new ShapeError(
      `${id}: it compares samples [N, ...], got ${name.student} ${show(student.shape)} and ${name.teacher} ${show(teacher.shape)}. Choose layers that have one row per sample.`,
    )
  return { student: student.flatten(1), teacher: teacher.flatten(1) }
}

/** 0 with gradient 0, for a sample that has no other one to relate to. */
export const noRelation = (x: Tensor): Tensor => x.mul(0).sum()
