import { ConvNet, type ConvNetPlan } from './conv-net.ts'
import type { Family, MakeModel } from './family.ts'
import { mobileNets } from './mobilenet-v2.ts'
import { bottleneckResnets, resnets } from './resnet.ts'
import { shuffleNetsV1 } from './shufflenet-v1.ts'
import { shuffleNetsV2 } from './shufflenet-v2.ts'
import { Student } from './student.ts'
import { Teacher } from './teacher.ts'
import { vggs } from './vgg.ts'
import { wideResnets } from './wide-resnet.ts'

const c16: ConvNetPlan = {
  stages: [{ channels: 16, stride: 2 }, { channels: 32, pool: true }, { channels: 64 }],
  head: 'mean',
}
const tc: ConvNetPlan = {
  stages: [{ channels: 32, pool: true }, { channels: 64, pool: true }, { channels: 128 }, { channels: 128 }],
  head: 'mean',
}
/** What c16 and tc are made for; every option may say otherwise. */
const cifar10 = { inChannels: 3, size: 32 }

const small: Family = {
  title: 'Small networks',
  about:
    'Per stage a convolution 3x3, batch normalisation, relu and, but in some stages of c16 and tc, a max pooling by 2. The t networks have a hidden linear layer, all teachers dropout. Made for one size of images. Pre-activations: what the batch normalisations give.',
  models: {
    's4-8': (options) => new Student(options),
    't8-16': (options) => new Teacher(options),
    't16-32': (options) => new Teacher({ channels: [16, 32], hidden: 128, dropout: 0.3, ...options }),
    c16: (options) => new ConvNet(c16, { ...cifar10, ...options }),
    tc: ({ dropout = 0.2, ...options }) => new ConvNet({ ...tc, dropout }, { ...cifar10, ...options }),
  },
}

/** Every model, by structure. */
export const families: readonly Family[] = [
  small,
  resnets,
  wideResnets,
  vggs,
  bottleneckResnets,
  mobileNets,
  shuffleNetsV1,
  shuffleNetsV2,
]

/** Every model by the name that the command line knows it by. */
export const models: ReadonlyMap<string, MakeModel> = new Map(
  families.flatMap((family) => Object.entries(family.models)),
)
