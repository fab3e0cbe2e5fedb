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

/** One SVG picture of the curves: test accuracy in percent over epochs. */
export function curvesSvg(title: string, curves: readonly Curve[]): string {
  use([LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer])
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: 900, height: 560 })
  const lowest = Math.min(100, ...curves.flatMap((c) => c.accuracy))
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    color: COLOURS,
    title: { text: title, left: 'center', top: 10, textStyle: { fontSize: 16 } },
    legend: { bottom: 8, data: curves.map((c) => c.name) },
    grid: { left: 70, right: 30, top: 50, bottom: 90 },
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
    series: curves.map((c) => ({
      type: 'line',
      name: c.name,
      data: c.epochs.map((epoch, i) => [epoch, c.accuracy[i]!]),
      symbolSize: 5,
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
