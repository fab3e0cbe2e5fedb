import { type Dataset, glyphNames } from 'kdgrad/data'

/** A test image on which two networks disagree: what each says, and what is true. */
export interface Disagreement {
  readonly index: number
  readonly truth: number
  readonly teacher: number
  readonly student: number
}

/** Where two networks disagree, given what each says of every image. */
export function disagreements(
  { size, classes, labels }: Dataset,
  teacher: Float32Array,
  student: Float32Array,
): Disagreement[] {
  const said = (logits: Float32Array, index: number) => {
    const row = logits.subarray(index * classes, (index + 1) * classes)
    return row.indexOf(Math.max(...row))
  }
  return Array.from({ length: size }, (_, index) => ({
    index,
    truth: labels[index]!,
    teacher: said(teacher, index),
    student: said(student, index),
  })).filter((one) => one.teacher !== one.student)
}

/** Shows some of them, each drawn and with what was said of it. */
export function showDigits(list: HTMLElement, test: Dataset, shown: readonly Disagreement[]): void {
  list.replaceChildren(
    ...shown.map((one) => {
      const item = document.createElement('li')
      item.append(
        drawn(test, one.index),
        line('it is', one.truth, undefined),
        line('teacher', one.teacher, one.teacher === one.truth),
        line('student', one.student, one.student === one.truth),
      )
      return item
    }),
  )
}

function line(who: string, glyph: number, right: boolean | undefined): HTMLElement {
  const text = document.createElement('div')
  const mark = right === undefined ? '' : right ? ' ✓' : ' ✗'
  text.textContent = `${who}: ${glyphNames[glyph]}${mark}`
  if (right !== undefined) text.className = right ? 'right' : 'wrong'
  return text
}

function drawn({ images, shape: [, height, width] }: Dataset, index: number): HTMLCanvasElement {
  const canvas = document.createElement('canvas')
  canvas.width = width
  canvas.height = height
  canvas.ariaHidden = 'true'
  const context = canvas.getContext('2d')!
  const image = context.createImageData(width, height)
  const pixels = images.subarray(index * width * height, (index + 1) * width * height)
  const [darkest, brightest] = [Math.min(...pixels), Math.max(...pixels)]
  pixels.forEach((pixel, i) => {
    const grey = Math.round((255 * (pixel - darkest)) / (brightest - darkest || 1))
    image.data.set([grey, grey, grey, 255], 4 * i)
  })
  context.putImageData(image, 0, 0)
  return canvas
}
