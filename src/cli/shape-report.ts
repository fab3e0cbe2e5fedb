import { show } from '../errors.ts'
import type { Trainee } from '../train/trainee.ts'

/** What each loss of a method compares and trains, a line each; none for losses on logits alone. */
export function shapeReport(row: string, { terms, helpers }: Trainee): string[] {
  return terms.flatMap(({ loss: { id }, prepared: { layers } }) => {
    const module = helpers.get(id)!
    const pairs = layers.map(
      ({ name, student, teacher }) =>
        `${name.student} ${sizes(student.shape)} -> ${name.teacher} ${sizes(teacher.shape)}`,
    )
    const parameters = [...module.namedParameters()].map(([name, { shape }]) => `${name} ${show(shape)}`)
    const lines = [
      ...(pairs.length > 0 ? [`compares ${pairs.join('; ')}`] : []),
      ...(parameters.length > 0
        ? [`trains ${parameters.join(', ')} (${counted(module.parameterCount())})`]
        : []),
    ]
    return lines.map((line) => `${row}${row === id ? '' : `, ${id}`}: ${line}`)
  })
}

const counted = (n: number) => `${n} ${n === 1 ? 'parameter' : 'parameters'}`

/** A shape whose first dim is the batch. */
const sizes = (shape: readonly number[]) => `[N, ${shape.slice(1).join(', ')}]`
