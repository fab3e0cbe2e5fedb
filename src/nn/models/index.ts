import { ConvNet, type ConvNetPlan } from './conv-net.ts'
import type { Model, ModelOptions } from './model.ts'
import { Student } from './student.ts'
import { Teacher } from './teacher.ts'

export { ConvNet, type ConvNetPlan, type Stage } from './conv-net.ts'
export { type Classified, Model, type ModelOptions, type ModelOutput, type Norm } from './model.ts'
export { Student, type StudentOptions } from './student.ts'
export { Teacher, type TeacherOptions } from './teacher.ts'

const c16: ConvNetPlan = {
  stages: [{ channels: 16, stride: 2 }, { channels: 32, pool: true }, { channels: 64 }],
  head: 'mean',
}
const tc: ConvNetPlan = {
  stages: [{ channels: 32, pool: true }, { channels: 64, pool: true }, { channels: 128 }, { channels: 128 }],
  head: 'mean',
  dropout: 0.2,
}
/** What the CIFAR networks are made for; every option may say otherwise. */
const cifar = { inChannels: 3, size: 32 }

/** Every model by the name that the command line knows it by. */
export const models: ReadonlyMap<string, (options: ModelOptions) => Model> = new Map<
  string,
  (options: ModelOptions) => Model
>([
  ['s4-8', (options) => new Student(options)],
  ['t8-16', (options) => new Teacher(options)],
  ['t16-32', (options) => new Teacher({ channels: [16, 32], hidden: 128, dropout: 0.3, ...options })],
  ['c16', (options) => new ConvNet(c16, { ...cifar, ...options })],
  ['tc', (options) => new ConvNet(tc, { ...cifar, ...options })],
])
