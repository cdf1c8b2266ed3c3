// Two charts as inline SVG, drawn from numbers. They stretch with the frame; texts are real texts.

const SVG = "http://www.w3.org/2000/svg"
const WIDTH = 400

function s(tag, attributes = {}, text = "") {
  const made = document.createElementNS(SVG, tag)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  if (text) made.textContent = text
  return made
}

// The next round number with a whole half: 1, 2, 4, 6, 8, 10, 20, 40 …
function rounded(most) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, most)))
  return [1, 2, 4, 6, 8, 10].map((step) => step * power).find((step) => step >= most) ?? 1
}

export function dayChart(hours, t, locale) {
  const height = 220, left = 40, bottom = 26, top = 12
  const most = rounded(Math.max(...hours))
  const step = (WIDTH - left) / 24
  const y = (value) => top + (height - top - bottom) * (1 - value / most)
  const chart = s("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": `${t("day")}: ${hours.join(", ")}` })
  for (const value of most > 1 ? [0, most / 2, most] : [0, most]) {
    chart.append(s("line", { x1: left, x2: WIDTH, y1: y(value), y2: y(value), class: "grid" }))
    chart.append(s("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, new Intl.NumberFormat(locale).format(value)))
  }
  hours.forEach((count, hour) => {
    const bar = s("rect", { x: left + hour * step + 1.5, width: step - 3, y: y(count), height: y(0) - y(count), rx: 2, class: "bar" })
    bar.append(s("title", {}, t("at", { hour: String(hour), next: String((hour + 1) % 24), count })))
    chart.append(bar)
  })
  for (const hour of [0, 6, 12, 18]) {
    chart.append(s("text", { x: left + hour * step, y: height - 6, "text-anchor": "start" }, t("hour", { hour: String(hour) })))
  }
  return chart
}

const MOST_ROWS = 8

export function classChart(classes, { t, name, whole }) {
  const rows = classes.slice(0, MOST_ROWS)
  const others = classes.slice(MOST_ROWS).reduce((sum, one) => sum + one.runs, 0)
  if (others) rows.push({ name_de: t("others"), name_en: t("others"), color: "#888888", runs: others })
  const most = Math.max(...rows.map((row) => row.runs))
  const high = 34, bars = WIDTH - 60
  const label = rows.map((row) => `${name(row)} ${row.runs}`).join(", ")
  const chart = s("svg", { viewBox: `0 0 ${WIDTH} ${rows.length * high}`, role: "img", "aria-label": `${t("classes")}: ${label}` })
  rows.forEach((row, place) => {
    const y = place * high, width = Math.max(2, (row.runs / most) * bars)
    chart.append(s("text", { x: 0, y: y + 13, class: "name" }, name(row)))
    chart.append(s("rect", { x: 0, y: y + 18, width, height: 10, rx: 3, fill: row.color, class: "of-class" }))
    chart.append(s("text", { x: width + 8, y: y + 28 }, whole.format(row.runs)))
  })
  return chart
}
