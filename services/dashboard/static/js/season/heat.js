// Class by hour: how each group's visits spread over the day. One hue, light to dark, so lightness alone tells it.

import { drawChart, figure } from "../chart.js"
import { setText } from "../dom.js"
import { hourText, t } from "../words.js"
import { classTicks, tall } from "./axis.js"

const HOURS = [...Array(24).keys()]
const NIGHT = matchMedia("(prefers-color-scheme: dark)")

// 0 is the ground, 1 the strongest: darker by day, brighter at night.
export function shade(value, paper) {
  const [from, to] = NIGHT.matches && !paper ? [[38, 48, 40], [146, 214, 172]] : [[233, 236, 224], [18, 72, 46]]
  const part = value > 0 ? 0.12 + 0.88 * Math.min(1, value) : 0
  return `#${from.map((low, at) => Math.round(low + (to[at] - low) * part).toString(16).padStart(2, "0")).join("")}`
}

export function drawHeat(panel, rows, order, name) {
  setText(panel.querySelector(".said"), t("heat.text"))
  const byLabel = new Map(rows.map((row) => [row.label, row]))
  const shown = order.map((row) => byLabel.get(row.label)).filter(Boolean)
  tall(panel, shown.length, 24)
  const build = (Bokeh, paper) => {
    const plot = figure(Bokeh, { x_range: [0, 24], y_range: [shown.length, 0] }, paper)
    const cells = shown.flatMap((row, at) => HOURS.map((hour) => ({ x: hour + 0.5, y: at + 0.5, count: row.runs[hour], color: shade(row.runs[hour] / Math.max(...row.runs), paper), text: `${row.entry.name}, ${hourText(hour)}` })))
    const source = new Bokeh.ColumnDataSource({ data: Object.fromEntries(["x", "y", "count", "color", "text"].map((key) => [key, cells.map((cell) => cell[key])])) })
    const squares = plot.rect({ x: { field: "x" }, y: { field: "y" }, width: 0.94, height: 0.88, source, fill_color: { field: "color" }, line_color: null })
    plot.add_tools(new Bokeh.HoverTool({ renderers: [squares], tooltips: '<div class="tip"><b>@count</b> @text</div>' }))
    const { ticker, labels } = classTicks(Bokeh, shown)
    plot.yaxis.ticker = ticker
    plot.yaxis.major_label_overrides = labels
    plot.xaxis.ticker = new Bokeh.FixedTicker({ ticks: [0, 6, 12, 18, 24] })
    plot.xgrid.grid_line_color = null
    plot.ygrid.grid_line_color = null
    return plot
  }
  const table = { columns: [t("season.group"), ...HOURS.map(String)], rows: shown.map((row) => [row.entry.name, ...row.runs]) }
  return drawChart(panel, { build, table, name: `${name}-hours` })
}
