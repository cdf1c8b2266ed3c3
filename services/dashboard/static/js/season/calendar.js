// Every day of the season as a square, a column per week: the busy ones are seen at once.

import { drawChart, figure } from "../chart.js"
import { setText } from "../dom.js"
import { longDay, monthLabel, t, weekdayLabel } from "../words.js"
import { shade } from "./heat.js"

const weekday = (day) => (new Date(`${day}T12:00:00Z`).getUTCDay() + 6) % 7

export function drawCalendar(panel, days, best, name) {
  setText(panel.querySelector(".said"), best ? t("calendar.text", { day: longDay(best.day), visits: t("season.count", { count: best.insects }) }) : "")
  const shift = weekday(days[0].day)
  const cells = days.map((day, at) => ({ ...day, week: Math.floor((at + shift) / 7), weekday: weekday(day.day) }))
  const weeks = cells.at(-1).week + 1
  const most = best?.insects ?? 1
  const build = (Bokeh, paper) => {
    const plot = figure(Bokeh, { x_range: [0, Math.max(weeks, 20)], y_range: [7, 0], min_border_left: 34 }, paper)
    const source = new Bokeh.ColumnDataSource({ data: {
      x: cells.map((cell) => cell.week + 0.5), y: cells.map((cell) => cell.weekday + 0.5), count: cells.map((cell) => cell.insects),
      day: cells.map((cell) => longDay(cell.day)), color: cells.map((cell) => shade(Math.sqrt(cell.insects / most), paper)),
    } })
    const squares = plot.rect({ x: { field: "x" }, y: { field: "y" }, width: 0.88, height: 0.88, source, fill_color: { field: "color" }, line_color: null })
    plot.add_tools(new Bokeh.HoverTool({ renderers: [squares], tooltips: '<div class="tip"><b>@count</b> @day</div>' }))
    const months = cells.filter((cell, at) => at === 0 || cell.day.endsWith("-01"))
    const apart = months.filter((cell, at) => at === 0 || cell.week - months[at - 1].week > 1)
    plot.xaxis.ticker = new Bokeh.FixedTicker({ ticks: apart.map((cell) => cell.week + 0.5) })
    plot.xaxis.major_label_overrides = new Map(apart.map((cell) => [cell.week + 0.5, monthLabel(cell.day)]))
    plot.yaxis.ticker = new Bokeh.FixedTicker({ ticks: [0, 2, 4, 6].map((at) => at + 0.5) })
    plot.yaxis.major_label_overrides = new Map([0, 2, 4, 6].map((at) => [at + 0.5, weekdayLabel(at)]))
    plot.xgrid.grid_line_color = null
    plot.ygrid.grid_line_color = null
    return plot
  }
  const table = { columns: [t("calendar.weekday"), t("calendar.visits")], rows: cells.map((cell) => [cell.day, cell.insects]) }
  return drawChart(panel, { build, table, name: `${name}-calendar` })
}
