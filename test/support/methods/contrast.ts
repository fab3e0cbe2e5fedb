import { cat, linear, normalize } from '../../../src/index.ts'
import { type Labels, reviewkd } from '../../../src/losses/index.ts'
import { Abf, reviewed } from '../../../src/losses/parts/abf.ts'
import { contrast } from '../../../src/losses/parts/contrast-memory.ts'
import { type ExitSettings, exitLoss } from '../../../src/losses/parts/exits.ts'
import { hcl } from '../../../src/losses/parts/hcl.ts'
import { Random } from '../../../src/random.ts'
import { type Tensor, tensor } from '../../../src/tensor.ts'
import { featuresBatch, floats, type Inputs, loadInto, type MethodCalls, series, stateAfter } from './call.ts'

/** CRD and the methods that compare levels and exits of a network. */
export const contrastMethods: MethodCalls = {
  crd: (inputs, params) => {
    const { nceT, nceMomentum, zV1, zV2 } = params as Readonly<Record<string, number>>
    const memory = {
      memoryS: floats(inputs, 'memoryV1'),
      memoryT: floats(inputs, 'memoryV2'),
      zS: tensor([zV1!], []),
      zT: tensor([zV2!], []),
    }
    const { sLoss, tLoss, next } = contrast(
      embedded(inputs, 's', 'embedS'),
      embedded(inputs, 't', 'embedT'),
      memory,
      {
        index: inputs.index as Tensor<'int'>,
        contrastIndex: inputs.contrastIndex as Tensor<'int'>,
        temperature: nceT!,
        momentum: nceMomentum!,
      },
    )
    return {
      outputs: {
        loss: sLoss.add(tLoss),
        sLoss,
        tLoss,
        zV1: next.zS(memory.zS),
        zV2: next.zT(memory.zT),
        memoryV1: next.memoryS(memory.memoryS),
        memoryV2: next.memoryT(memory.memoryT),
      },
    }
  },
  hcl: (inputs) => {
    const teacher = series(inputs, 't')
    const levels = series(inputs, 's').map((x, i) => hcl(x, teacher[i]!))
    return { outputs: { loss: levels.reduce((sum, level) => sum.add(level)), perLevel: listed(levels) } }
  },
  abf: (inputs, params) => {
    const { fuse, outShape } = params as { fuse: boolean; outShape: number }
    const [mid, from] = floats(inputs, 'conv1.weight').shape as [number, number]
    const to = floats(inputs, 'conv2.weight').shape[0]!
    const abf = new Abf({ from, mid, to }, { random: new Random(0), fuse })
    const parameters = loadInto(abf, inputs, abfNames)
    const { out, residual } = abf.forward(floats(inputs, 'x'), inputs.y as Tensor | undefined, [
      outShape,
      outShape,
    ])
    const scalar = out.sum().add(residual.sum())
    const statistics = Object.entries(abfNames)
      .filter(([key]) => key.includes('running'))
      .map(([key, name]) => [name, stateAfter(abf, scalar, key)] as const)
    return { outputs: { out, residual, ...Object.fromEntries(statistics) }, scalar, parameters }
  },
  review: (inputs) => {
    const [student, teacher] = [series(inputs, 's'), series(inputs, 't')]
    const batch = featuresBatch(student, teacher)
    const prepared = reviewkd.prepare(batch, { layers: student.map((_, i) => `f${i}`).join(',') })
    const names = student.flatMap((_, i) =>
      Object.entries(abfNames).map(([key, name]) => [`level${i + 1}.${key}`, `l${i}.${name}`]),
    )
    const parameters = loadInto(prepared, inputs, Object.fromEntries(names))
    const modules = student.map((_, i) => prepared.own.adapters[`level${i + 1}`] as Abf)
    const fused = reviewed(modules, student, teacher)
    return {
      outputs: {
        loss: prepared(batch),
        perLevel: listed(fused.map((map, i) => hcl(map, teacher[i]!))),
        ...Object.fromEntries(fused.map((map, i) => [`fused${i}`, map])),
      },
      parameters,
    }
  },
  byot: (inputs, params) => {
    const { variant, alpha, beta, temperature } = params as Omit<ExitSettings, 'variant'> & {
      variant: string
    }
    const journal = variant === 'adapters'
    const adapted = (x: Tensor, k: number) =>
      linear(x, floats(inputs, `adapter${k}.weight`), floats(inputs, `adapter${k}.bias`))
    const features = series(inputs, 'feat').map((x, k) => (journal && k > 0 ? adapted(x, k) : x))
    // The cases count from the deepest exit.
    const [deepest, ...shallow] = series(inputs, 'logits').map((logits, k) => ({
      logits,
      feature: features[k]!,
    }))
    const parts = exitLoss(deepest!, shallow.reverse(), inputs.target as Labels, {
      variant: journal ? 'journal' : (variant as ExitSettings['variant']),
      alpha,
      beta,
      temperature,
    })
    return { outputs: { ...parts } }
  },
}

/** The state of the fusion module, and how the cases call it. */
const abfNames = Object.fromEntries(
  [
    ...['conv1.weight', 'conv2.weight', 'att.weight', 'att.bias'].map((name) => [name, name]),
    ...['bn1', 'bn2'].flatMap((bn) => [
      [`${bn}.weight`, `${bn}.weight`],
      [`${bn}.bias`, `${bn}.bias`],
      [`${bn}.running_mean`, `${bn}.runningMean`],
      [`${bn}.running_var`, `${bn}.runningVar`],
    ]),
  ].map(([key, name]) => [key!, name!] as const),
)

const listed = (scalars: readonly Tensor[]): Tensor => cat(scalars.map((x) => x.reshape([1])))

const embedded = (inputs: Inputs, x: string, layer: string): Tensor =>
  normalize(linear(floats(inputs, x), floats(inputs, `${layer}.weight`), floats(inputs, `${layer}.bias`)))
