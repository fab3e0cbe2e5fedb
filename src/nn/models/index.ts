export { Cnn, type Staged, type Trunk } from './cnn.ts'
export { ConvNet, type ConvNetPlan, type Stage } from './conv-net.ts'
export type { Family, MakeModel } from './family.ts'
export { MobileNetV2 } from './mobilenet-v2.ts'
export {
  type Classified,
  type Image,
  Model,
  type ModelOptions,
  type ModelOutput,
  type Norm,
} from './model.ts'
export { families, models } from './registry.ts'
export { ResNet, type ResNetPlan } from './resnet.ts'
export { ShuffleNetV1, type ShuffleNetV1Plan } from './shufflenet-v1.ts'
export { ShuffleNetV2, type ShuffleNetV2Plan } from './shufflenet-v2.ts'
export { Student, type StudentOptions } from './student.ts'
export { type ModelSummary, summary } from './summary.ts'
export { Teacher, type TeacherOptions } from './teacher.ts'
export { Vgg, type VggPlan } from './vgg.ts'
export { WideResNet, type WideResNetPlan } from './wide-resnet.ts'
