import * as tf from '@tensorflow/tfjs'

/**
 * Convolution that can be trained: the wasm backend has no Conv2DBackpropFilter, so the filter gradient is written as
 * the convolution that it is, of the images with the upstream gradient, batch and channels exchanged.
 *
 * x [N, H, W, C], w [kH, kW, C, O]; `padding` on every side.
 */
export const conv = (x: tf.Tensor4D, w: tf.Tensor4D, stride: number, padding: number): tf.Tensor4D =>
  tf.customGrad((...given) => {
    const [x, w, save] = given as unknown as [tf.Tensor4D, tf.Tensor4D, (tensors: tf.Tensor[]) => void]
    const pads = around([padding, padding], [padding, padding])
    save([x, w])
    return {
      value: tf.conv2d(x, w, stride, pads),
      gradFunc: (upstream: tf.Tensor, saved: tf.Tensor[]) => {
        const [x, w, dy] = [...saved, upstream] as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D]
        return [
          tf.conv2dTranspose(dy, w, x.shape, stride, pads),
          filterGradient(x, dy, w.shape[0], stride, padding),
        ]
      },
    }
  })(x, w)

type Pair = [number, number]
const around = (rows: Pair, columns: Pair): [Pair, Pair, Pair, Pair] => [[0, 0], rows, columns, [0, 0]]

function filterGradient(x: tf.Tensor4D, dy: tf.Tensor4D, kernel: number, stride: number, padding: number) {
  const [, height, width] = x.shape
  const [, outHeight, outWidth] = dy.shape
  // What a stride leaves over at the far side takes no part.
  const far = (size: number, out: number) => stride * (out - 1) + kernel - size - padding
  const images = x.transpose<tf.Tensor4D>([3, 1, 2, 0])
  const filters = dy.transpose<tf.Tensor4D>([1, 2, 0, 3])
  const pads = around([padding, far(height, outHeight)], [padding, far(width, outWidth)])
  return tf.conv2d(images, filters, 1, pads, 'NHWC', stride).transpose([1, 2, 0, 3])
}
