// Bars that lie: from first to last sighting, time in front of the camera, and cameras compared by the hour awake.

import { drawChart, figure, FONT, inkOf } from "../chart.js"
import { setText } from "../dom.js"
import { dayLabel, decimal, longDay, t } from "../words.js"
import { classTicks, dayNumber, dayTicks, tall } from "./axis.js"

function bars(panel, rows, { from, to, left, right, text, axis, table, name }) {
  tall(panel, rows.length)
  const build = (Bokeh, paper) => {
    const plot = figure(Bokeh, { x_range: [from, to], y_range: [Math.max(rows.length, 1), 0] }, paper)
    const source = new Bokeh.ColumnDataSource({ data: {
      y: rows.map((_, at) => at + 0.5), left: rows.map(left), right: rows.map(right), text: rows.map(text),
      color: rows.map((row) => row.entry?.color ?? "#3d8c62"), name: rows.map((row) => row.entry?.name ?? row.name),
    } })
    const drawn = plot.hbar({ y: { field: "y" }, left: { field: "left" }, right: { field: "right" }, height: 0.6, source, fill_color: { field: "color" }, line_color: "#5d675d", line_width: 0.6 })
    plot.add_tools(new Bokeh.HoverTool({ renderers: [drawn], tooltips: '<div class="tip"><b>@name</b> @text</div>' }))
    if (!axis) plot.text({ x: { field: "right" }, y: { field: "y" }, text: { field: "text" }, source, x_offset: 8, text_baseline: "middle", text_font: FONT, text_font_size: "13px", text_color: inkOf(paper) })
    const { ticker, labels } = classTicks(Bokeh, rows)
    plot.yaxis.ticker = ticker
    plot.yaxis.major_label_overrides = labels
    plot.ygrid.grid_line_color = null
    if (axis) Object.assign(plot.xaxis, axis(Bokeh))
    else plot.xaxis.ticker = new Bokeh.BasicTicker({ desired_num_ticks: 4 })
    return plot
  }
  return drawChart(panel, { build, table, name })
}

export function drawPhenology(panel, classes, { from, to }, name) {
  const rows = classes.map((row) => {
    const days = Object.keys(row.days).sort()
    return { ...row, first: days[0], last: days.at(-1), number: days.length }
  }).sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : b.count - a.count))
  setText(panel.querySelector(".said"), t("phenology.text", { name: rows[0].entry.name, day: longDay(rows[0].first) }))
  const count = Math.max(1, dayNumber(to, from))
  return bars(panel, rows, {
    from: -0.5, to: count + 1.5, left: (row) => dayNumber(row.first, from), right: (row) => dayNumber(row.last, from) + 1,
    text: (row) => `${dayLabel(row.first)} – ${dayLabel(row.last)}`,
    axis: (Bokeh) => {
      const { ticker, labels } = dayTicks(Bokeh, from, count, 4)
      return { ticker, major_label_overrides: labels }
    },
    table: { columns: [t("season.group"), t("phenology.first"), t("phenology.last"), t("phenology.days")], rows: rows.map((row) => [row.entry.name, row.first, row.last, row.number]) },
    name: `${name}-sightings`,
  })
}

export function drawDurations(panel, classes, name) {
  const rows = classes.filter((row) => row.median_s !== null).sort((a, b) => b.median_s - a.median_s)
  const most = Math.max(1, rows[0]?.median_s ?? 1)
  setText(panel.querySelector(".said"), rows.length ? t("durations.text", { name: rows[0].entry.name, seconds: t("durations.seconds", { count: Math.round(rows[0].median_s) }) }) : "")
  return bars(panel, rows, {
    from: 0, to: most * 1.25, left: () => 0, right: (row) => row.median_s, text: (row) => decimal(row.median_s),
    table: { columns: [t("season.group"), t("durations.median"), t("durations.mean"), t("durations.visits")], rows: rows.map((row) => [row.entry.name, row.median_s, row.mean_s, row.runs]) },
    name: `${name}-durations`,
  })
}

export function drawUptime(panel, days, cameras, span, name) {
  const names = new Map(cameras.map((camera) => [camera.id, camera.name]))
  const rows = [...new Set(days.map((day) => day.camera_id))].map((id) => {
    const mine = days.filter((day) => day.camera_id === id)
    const hours = mine.reduce((sum, day) => sum + day.hours_heard.length, 0)
    const insects = mine.reduce((sum, day) => sum + day.insects, 0)
    return { name: names.get(id) ?? id, hours, insects, rate: hours ? insects / hours : 0 }
  }).filter((row) => row.hours).sort((a, b) => b.rate - a.rate)
  setText(panel.querySelector(".said"), t(rows.length ? "uptime.text" : "uptime.empty", { days: span }))
  return bars(panel, rows, {
    from: 0, to: Math.max(0.1, (rows[0]?.rate ?? 0) * 1.25), left: () => 0, right: (row) => row.rate, text: (row) => decimal(row.rate),
    table: { columns: [t("uptime.camera"), t("uptime.insects"), t("uptime.hours"), t("uptime.rate")], rows: rows.map((row) => [row.name, row.insects, row.hours, Math.round(row.rate * 100) / 100]) },
    name: `${name}-cameras`,
  })
}
