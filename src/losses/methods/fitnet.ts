import { ShapeError, show } from '../../errors.ts'
import { mseLoss } from '../../ops/regression-loss.ts'
import { sameShape } from '../../shape.ts'
import { defineLoss } from '../define.ts'
import { choice, whole } from '../parameters.ts'
import { onlyLayer } from '../parts/only-layer.ts'
import { Regressor } from '../parts/regressor.ts'

/**
 * Hints. Romero, Ballas, Kahou, Chassang, Gatta, Bengio: FitNets, ICLR 2015, arXiv:1412.6550, eq. 3, of which this is the
 * mean over elements without the factor 1/2.
 *
 *     FitNet = mean over all elements of ( R(F_s) - F_t )²
 *
 * R is trained with the student and dropped for inference. `regressor` chooses it: 'sized' is RepDistiller's, by the
 * sizes of the maps, with batch normalisation and relu (so the hint must not be negative); '1x1' is a 1x1 convolution
 * alone, for maps of one size. With `initEpochs` the student first trains on the hint alone, as in the paper.
 */
export const fitnet = defineLoss(
  'fitnet',
  {
    title: 'FitNets: hints',
    paper: 'Romero, Ballas, Kahou, Chassang, Gatta, Bengio: FitNets, ICLR 2015, arXiv:1412.6550',
    formula: 'mean((R(F_s) - F_t)²), R: a regressor trained with the student',
    variant: 'one joint stage, as in RepDistiller; initEpochs > 0 adds the first stage of the paper',
    defaults: {
      regressor: choice('sized', ['sized', '1x1'], 'RepDistiller and mdistiller, ConvReg'),
      initEpochs: whole(0, 'RepDistiller and mdistiller train in one stage'),
    },
    layers: 'middle map',
    mix: { weight: 100, ce: 1 },
    adapters: ({ layers }, { regressor }, random) => {
      const hint = onlyLayer('fitnet', layers)
      const sized = regressor === 'sized'
      if (!sized && !sameShape(hint.student.shape.slice(2), hint.teacher.shape.slice(2)))
        throw new ShapeError(
          `fitnet: the 1x1 regressor is for maps of one size, got ${hint.name.student} ${show(hint.student.shape)} and ${hint.name.teacher} ${show(hint.teacher.shape)}. Choose other layers, or the regressor 'sized'.`,
        )
      return { regressor: new Regressor('fitnet', hint, { random, norm: sized, relu: sized }) }
    },
    preliminary: { epochs: ({ initEpochs }) => initEpochs },
  },
  ({ layers: [hint] }, _, { adapters }) => mseLoss(adapters.regressor.forward(hint!.student), hint!.teacher),
)
