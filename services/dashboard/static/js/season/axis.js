// Days on an axis: numbered from the first, with the names of months or days in the page's language.

import { dayLabel, monthLabel } from "../words.js"

const DAY_MS = 86_400_000

export const dayNumber = (day, first) => Math.round((Date.parse(`${day}T12:00:00Z`) - Date.parse(`${first}T12:00:00Z`)) / DAY_MS)
export const dayAt = (number, first) => new Date(Date.parse(`${first}T12:00:00Z`) + number * DAY_MS).toISOString().slice(0, 10)

// Ticks at the beginnings of months; where there are too few, at days.
export function dayTicks(Bokeh, first, count, most = 8) {
  const days = [...Array(count + 1).keys()]
  let ticks = days.filter((number) => dayAt(number, first).endsWith("-01"))
  let label = monthLabel
  if (ticks.length < 3) {
    const step = Math.max(1, Math.ceil(count / most))
    ticks = days.filter((number) => number % step === 0)
    label = dayLabel
  } else if (ticks.length > most) ticks = ticks.filter((_, at) => at % Math.ceil(ticks.length / most) === 0)
  return { ticker: new Bokeh.FixedTicker({ ticks }), labels: new Map(ticks.map((number) => [number, label(dayAt(number, first))])) }
}

// Classes down the side of a chart: their places and names.
export function classTicks(Bokeh, rows) {
  return {
    ticker: new Bokeh.FixedTicker({ ticks: rows.map((_, at) => at + 0.5) }),
    labels: new Map(rows.map((row, at) => [at + 0.5, row.entry?.name ?? row.name])),
  }
}

export const tall = (panel, rows, each = 26) => { panel.querySelector(".chart").style.height = `${Math.max(150, rows * each + 50)}px` }
