import { conv2d } from './conv2d.bench.ts'
import { elementwise } from './elementwise.bench.ts'
import { features } from './features.bench.ts'
import { losses } from './losses.bench.ts'
import { matmul } from './matmul.bench.ts'
import { overhead } from './overhead.bench.ts'
import { step } from './step.bench.ts'
import type { Suite } from './support.ts'

export const suites: readonly Suite[] = [matmul, conv2d, elementwise, losses, features, step, overhead]
