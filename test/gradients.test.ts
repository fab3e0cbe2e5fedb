import { describe, test } from 'vitest'
import { registry } from '../src/graph/define.ts'
import { gradientsHold } from './support/gradient-property.ts'
import '../src/index.ts'
import '../src/optim/index.ts'

const differentiable = [...registry.values()].filter((op) => op.differentiable)

describe.each(differentiable)('$name', (op) => {
  test('first and second derivative match central differences', () => gradientsHold(op, 2))
})
