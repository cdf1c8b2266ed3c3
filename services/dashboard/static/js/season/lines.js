// A line per class per day. Colour is the class's; the stroke differs as well, for eyes that do not tell colours apart.

import { drawChart, figure } from "../chart.js"
import { byId, disc, h, setText } from "../dom.js"
import { t } from "../words.js"
import { dayAt, dayNumber, dayTicks } from "./axis.js"

const FIRST_SHOWN = 4
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3]]
let chosen = null

export function drawLines(panel, classes, { from, to }, name) {
  chosen = new Set((chosen ? [...chosen] : []).filter((label) => classes.some((row) => row.label === label)))
  if (!chosen.size) chosen = new Set(classes.slice(0, FIRST_SHOWN).map((row) => row.label))
  byId("choose").replaceChildren(byId("choose").firstElementChild, ...classes.map((row) => {
    const box = h("input", { type: "checkbox", checked: chosen.has(row.label) })
    box.addEventListener("change", () => { if (box.checked) chosen.add(row.label); else chosen.delete(row.label); draw() })
    return h("label", {}, box, disc(row.entry), h("span", { text: row.entry.name }))
  }))

  function draw() {
    const shown = classes.filter((row) => chosen.has(row.label))
    setText(panel.querySelector(".said"), shown.length ? t("lines.text") : t("lines.none"))
    const span = dayNumber(to, from) // 0 for a season of one day: a dot each, and no line into tomorrow
    const count = Math.max(1, span)
    const days = [...Array(span + 1).keys()].map((number) => dayAt(number, from))
    const most = Math.max(4, ...shown.flatMap((row) => Object.values(row.days)))
    const build = (Bokeh, paper) => {
      const plot = figure(Bokeh, { x_range: [-0.5, count + 0.5], y_range: [0, most * 1.1], min_border_left: 36 }, paper)
      shown.forEach((row, at) => {
        const source = new Bokeh.ColumnDataSource({ data: { x: days.map((_, number) => number), y: days.map((day) => row.days[day] ?? 0), day: days, name: days.map(() => row.entry.name) } })
        plot.line({ x: { field: "x" }, y: { field: "y" }, source, line_color: row.entry.color, line_width: 2.5, line_dash: DASHES[at % DASHES.length], ...(paper ? { legend_label: row.entry.name } : {}) })
        const dots = plot.scatter({ x: { field: "x" }, y: { field: "y" }, source, size: count > 60 ? 3 : 6, color: row.entry.color, line_color: "#5d675d", line_width: 0.4 })
        plot.add_tools(new Bokeh.HoverTool({ renderers: [dots], tooltips: '<div class="tip"><b>@y</b> @name, @day</div>' }))
      })
      const { ticker, labels } = dayTicks(Bokeh, from, span, innerWidth < 600 && !paper ? 4 : 8)
      plot.xaxis.ticker = ticker
      plot.xaxis.major_label_overrides = labels
      plot.yaxis.ticker = new Bokeh.BasicTicker({ min_interval: 1, desired_num_ticks: 5 })
      plot.xgrid.grid_line_color = null
      return plot
    }
    const table = { columns: [t("lines.day"), ...shown.map((row) => row.entry.name)], rows: days.map((day) => [day, ...shown.map((row) => row.days[day] ?? 0)]) }
    return drawChart(panel, { build, table, name: `${name}-days` })
  }
  return draw()
}
