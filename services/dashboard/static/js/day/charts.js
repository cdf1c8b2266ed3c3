// The day's two charts: insects per hour with day and night, and the share of each class.

import { drawChart, figure, FONT, inkOf } from "../chart.js"
import { byId, setText } from "../dom.js"
import { hourText, lang, number, percent, start, t, timeOf } from "../words.js"

const BAR = "#3d8c62"
const SUN = "#c98a1b"
const HOURS = [...Array(24).keys()]
const MOST_CLASSES = 12

// Embeds show the day that is; for another day there is none.
const embed = (widget, day, title) => (day === start.snapshot.totals.today ? { path: `/embed/${widget}?lang=${lang}`, title } : null)

export function drawHours(panel, { day, rows, sun }) {
  const sum = (list) => HOURS.map((hour) => list.reduce((total, row) => total + row.runs[hour], 0))
  const insects = sum(rows.filter((row) => row.is_insect))
  const runs = sum(rows)
  const most = insects.indexOf(Math.max(...insects))
  const said = insects[most] ? t("day_hours.text", { from: hourText(most), to: hourText(most + 1), visits: t("whole_day.count", { count: insects[most] }) }) : t("day_hours.empty")
  const night = sun.rise === null ? "" : ` ${t("day_hours.sun", { rise: timeOf(sun.rise), set: timeOf(sun.set) })}`
  setText(panel.querySelector(".said"), said + night)
  const build = (Bokeh, paper) => {
    const top = Math.max(4, Math.max(...insects) * 1.12)
    const plot = figure(Bokeh, { x_range: [0, 24], y_range: [0, top], min_border_left: 34 }, paper)
    if (sun.rise !== null) {
      for (const [left, right] of [[0, sun.rise], [sun.set, 24]]) plot.add_layout(new Bokeh.BoxAnnotation({ left, right, fill_color: "#6d80ad", fill_alpha: 0.18, line_color: null, level: "underlay" }))
      for (const at of [sun.rise, sun.set]) plot.add_layout(new Bokeh.Span({ location: at, dimension: "height", line_color: SUN, line_width: 2, line_dash: [4, 4] }))
    }
    const data = new Bokeh.ColumnDataSource({ data: { hour: HOURS.map((hour) => hour + 0.5), insects, label: HOURS.map((hour) => `${hourText(hour)}–${hourText(hour + 1)}`) } })
    const bars = plot.vbar({ x: { field: "hour" }, top: { field: "insects" }, width: 0.74, source: data, color: BAR, line_color: null })
    plot.add_tools(new Bokeh.HoverTool({ renderers: [bars], tooltips: '<div class="tip"><b>@insects</b> @label</div>' }))
    plot.xaxis.ticker = new Bokeh.FixedTicker({ ticks: [0, 3, 6, 9, 12, 15, 18, 21, 24] })
    plot.yaxis.ticker = new Bokeh.BasicTicker({ min_interval: 1, desired_num_ticks: 5 })
    plot.xgrid.grid_line_color = null
    return plot
  }
  const table = { columns: [t("day_hours.hour"), t("day_hours.insects"), t("day_hours.runs")], rows: HOURS.map((hour) => [`${String(hour).padStart(2, "0")}:00`, insects[hour], runs[hour]]) }
  return drawChart(panel, { build, table, name: `krabbel-${day}-${lang}-hours`, embed: embed("day", day, t("day_hours.title")) })
}

export function drawClasses(panel, { day, insects, total }) {
  const first = insects[0]
  const share = first ? percent(first.count / total) : ""
  setText(panel.querySelector(".said"), !first ? t("day_hours.empty") : insects.length === 1 ? t("day_classes.text_one", { name: first.entry.name }) : t("day_classes.text", { name: first.entry.name, share, count: insects.length }))
  const shown = insects.slice(0, MOST_CLASSES)
  const build = (Bokeh, paper) => {
    const most = Math.max(1, first?.count ?? 1)
    const plot = figure(Bokeh, { x_range: [0, most * (paper || innerWidth > 700 ? 1.25 : 1.55)], y_range: [shown.length, 0] }, paper)
    const data = new Bokeh.ColumnDataSource({ data: {
      y: shown.map((_, at) => at + 0.5), count: shown.map((row) => row.count), color: shown.map((row) => row.entry.color),
      name: shown.map((row) => row.entry.name), text: shown.map((row) => `${number(row.count)} · ${percent(row.count / total)}`),
    } })
    const bars = plot.hbar({ y: { field: "y" }, right: { field: "count" }, height: 0.62, source: data, fill_color: { field: "color" }, line_color: "#5d675d", line_width: 0.6 })
    plot.text({ x: { field: "count" }, y: { field: "y" }, text: { field: "text" }, source: data, x_offset: 8, text_baseline: "middle", text_font: FONT, text_font_size: paper ? "15px" : "13px", text_color: inkOf(paper) })
    plot.add_tools(new Bokeh.HoverTool({ renderers: [bars], tooltips: '<div class="tip"><b>@count</b> @name</div>' }))
    plot.yaxis.ticker = new Bokeh.FixedTicker({ ticks: shown.map((_, at) => at + 0.5) })
    plot.yaxis.major_label_overrides = new Map(shown.map((row, at) => [at + 0.5, row.entry.name]))
    plot.ygrid.grid_line_color = null
    plot.xaxis.ticker = new Bokeh.BasicTicker({ min_interval: 1, desired_num_ticks: 4 })
    return plot
  }
  const table = { columns: [t("day_classes.group"), t("day_classes.visits"), t("day_classes.share")], rows: insects.map((row) => [row.entry.name, row.count, Math.round((1000 * row.count) / total) / 10]) }
  byId("classes-chart").querySelector(".chart").style.height = `${Math.max(160, shown.length * 30 + 50)}px`
  return drawChart(panel, { build, table, name: `krabbel-${day}-${lang}-classes`, embed: embed("classes", day, t("day_classes.title")) })
}
