import type { Tensor } from '../../tensor.ts'
import { gram } from './gram.ts'

/**
 * How differently two networks correlate classes over a batch: what each class adds, [C], to
 *
 *     1/C |qᵀ q - pᵀ p|²,   q = softmax(s / T),  p = softmax(t / T),  both [N, C]
 */
export const classCorrelation = (student: Tensor, teacher: Tensor, T: number): Tensor =>
  perRow(gram(student.div(T).softmax(1).transpose()), gram(teacher.div(T).softmax(1).transpose()))

/**
 * How differently two networks correlate the samples of a batch: what each sample adds, [N], to
 *
 *     1/N |q qᵀ - p pᵀ|²,   q = softmax(s / T),  p = softmax(t / T),  both [N, C]
 */
export const batchCorrelation = (student: Tensor, teacher: Tensor, T: number): Tensor =>
  perRow(gram(student.div(T).softmax(1)), gram(teacher.div(T).softmax(1)))

const perRow = (a: Tensor, b: Tensor): Tensor => a.sub(b).square().sum(1).div(a.shape[0]!)
