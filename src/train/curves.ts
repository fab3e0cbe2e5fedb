import { LineChart } from 'echarts/charts'
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components'
import { init, use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'

/** Test accuracy over training of one row of the experiment. */
export interface Curve {
  readonly name: string
  /** Epochs that were judged. */
  readonly epochs: readonly number[]
  /** In percent, one per epoch: the mean over seeds. */
  readonly accuracy: readonly number[]
}

// Okabe and Ito's colours: distinguishable for colour-blind readers and in greyscale print.
const COLOURS = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000']
/** What tells curves of one colour apart. */
const SYMBOLS = ['circle', 'rect', 'triangle', 'diamond', 'roundRect', 'pin'] as const
/** More curves than these have their names beside the picture, from the best to the worst at the end. */
const BELOW = 10
/** Height of a name, in pixels. */
const LINE = 19

/** One SVG picture of the curves: test accuracy in percent over epochs. */
export function curvesSvg(title: string, curves: readonly Curve[]): string {
  use([LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer])
  const beside = curves.length > BELOW
  const height = beside ? Math.max(560, 90 + LINE * curves.length) : 560
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: beside ? 1040 : 900, height })
  const lowest = Math.min(100, ...curves.flatMap((c) => c.accuracy))
  const last = ({ accuracy }: Curve) => accuracy.at(-1) ?? 0
  const names = (beside ? curves.toSorted((a, b) => last(b) - last(a)) : curves).map((c) => c.name)
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    color: COLOURS,
    title: { text: title, left: 'center', top: 10, textStyle: { fontSize: 16 } },
    legend: beside
      ? { orient: 'vertical', right: 15, top: 50, itemGap: LINE - 14, data: names }
      : { bottom: 8, data: names },
    grid: { left: 70, right: beside ? 200 : 30, top: 50, bottom: beside ? 60 : 90 },
    xAxis: {
      type: 'value',
      name: 'epoch',
      nameLocation: 'middle',
      nameGap: 28,
      min: 0,
      max: Math.max(1, ...curves.flatMap((c) => c.epochs)),
      minInterval: 1,
    },
    yAxis: {
      type: 'value',
      name: 'test accuracy, %',
      nameLocation: 'middle',
      nameGap: 45,
      min: Math.max(0, Math.floor((lowest - 2) / 10) * 10),
      max: 100,
    },
    series: curves.map((c, i) => ({
      type: 'line',
      name: c.name,
      data: c.epochs.map((epoch, k) => [epoch, c.accuracy[k]!]),
      symbol: SYMBOLS[Math.floor(i / COLOURS.length) % SYMBOLS.length]!,
      symbolSize: 5 + Math.floor(i / COLOURS.length),
      lineStyle: {
        width: c.name.startsWith('alone x') ? 1 : 2,
        type: c.name.startsWith('alone') ? 'dashed' : 'solid',
      },
    })),
  })
  const svg = chart.renderToSVGString()
  chart.dispose()
  return svg
}
