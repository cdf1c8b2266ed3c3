// Charts are Bokeh's, drawn in the browser from the server's own bokeh.min.js and bokeh-api.min.js: no session each.
// Every chart has a sentence above, a table beside, and tools to take it along: PNG, SVG, CSV and, where there is one, an embed.

import { h } from "./dom.js"
import { untab } from "./untab.js"
import { lang, t } from "./words.js"

export const FONT = "'Source Sans 3'"
const EXPORT = { width: 1000, height: 520 }

// Bokeh's scripts are deferred; charts wait for them, the rest of the page does not.
const ready = new Promise((done) => {
  const ask = () => (globalThis.Bokeh?.Plotting ? done(globalThis.Bokeh) : setTimeout(ask, 40))
  ask()
})

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

// The colour of labels.
export const inkOf = (paper) => (paper ? "#5d675d" : color("--muted"))

// A figure in the page's looks. `paper` gives it a ground of its own, for pictures that leave the page.
export function figure(Bokeh, options, paper = false) {
  const ground = paper ? "#fffdf8" : null
  const plot = Bokeh.Plotting.figure({
    sizing_mode: paper ? "fixed" : "stretch_both", ...(paper ? EXPORT : {}), min_width: 0, min_height: 0,
    toolbar_location: null, tools: "", background_fill_color: ground, border_fill_color: ground, outline_line_color: null,
    min_border_right: 10, ...options,
  })
  const ink = inkOf(paper)
  for (const axis of [plot.xaxis, plot.yaxis]) {
    Object.assign(axis, {
      axis_line_color: null, major_tick_line_color: null, minor_tick_line_color: null,
      major_label_text_font: FONT, major_label_text_font_size: paper ? "15px" : "13px", major_label_text_color: ink,
    })
  }
  for (const grid of [plot.xgrid, plot.ygrid]) Object.assign(grid, { grid_line_color: "#8a938a", grid_line_alpha: 0.25 })
  return plot
}

// Draws `build(Bokeh, paper)` into the panel's .chart, and gives the panel its table and tools.
export async function drawChart(panel, { build, name, table, embed }) {
  setTable(panel, table)
  const host = panel.querySelector(".chart")
  const Bokeh = await ready
  host.replaceChildren()
  await Bokeh.Plotting.show(build(Bokeh, false), host)
  untab(host)
  tools(panel, { build, name, table, embed })
}

function setTable(panel, { columns, rows }) {
  const title = panel.querySelector("h2, h3").textContent
  const place = panel.querySelector(".numbers")
  place.replaceChildren(h("summary", { text: t("charts.table") }),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title }, h("table", {}, h("caption", { class: "sr-only", text: title }),
      h("thead", {}, h("tr", {}, ...columns.map((text) => h("th", { scope: "col", text })))),
      h("tbody", {}, ...rows.map(([first, ...rest]) => h("tr", {}, h("th", { scope: "row", text: String(first) }), ...rest.map((cell) => h("td", { text: typeof cell === "number" ? cell.toLocaleString(lang) : String(cell ?? "") }))))))))
}

function tools(panel, chart) {
  panel.querySelector(".tools")?.remove()
  const item = (text, act) => {
    const button = h("button", { type: "button", class: "tool", text })
    button.addEventListener("click", act)
    return button
  }
  const code = chart.embed ? h("div", { class: "embed", hidden: true }) : null
  const bar = h("div", { class: "tools", role: "group", "aria-label": t("charts.take") },
    item("PNG", () => picture(chart, "png")), item("SVG", () => picture(chart, "svg")), item("CSV", () => csv(chart)),
    code ? item(t("charts.embed"), () => toggleCode(code, chart.embed)) : null, code)
  panel.append(bar)
}

async function picture({ build, name }, kind) {
  const Bokeh = await ready
  const off = h("div", { class: "offscreen", "aria-hidden": "true" })
  document.body.append(off)
  try {
    const plot = build(Bokeh, true)
    plot.output_backend = kind === "svg" ? "svg" : "canvas"
    const view = await Bokeh.Plotting.show(plot, off)
    await new Promise((done) => setTimeout(done, 120)) // painted once
    save(await view.export(kind === "svg" ? "svg" : "png").to_blob(), `${name}.${kind}`)
  } finally {
    off.remove()
  }
}

function csv({ table, name }) {
  const cell = (value) => (/[",\n]/.test(String(value ?? "")) ? `"${String(value).replaceAll('"', '""')}"` : String(value ?? ""))
  const text = [table.columns, ...table.rows].map((row) => row.map(cell).join(",")).join("\r\n")
  save(new Blob(["\ufeff", text, "\r\n"], { type: "text/csv" }), `${name}.csv`)
}

function save(blob, name) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name })
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}

function toggleCode(place, { path, title }) {
  place.hidden = !place.hidden
  if (place.hidden) return
  const text = `<iframe src="${location.origin}${path}" title="${title}" style="width:100%;height:420px;border:0" loading="lazy"></iframe>`
  const area = h("textarea", { readonly: true, rows: "3", "aria-label": t("charts.embed") })
  area.value = text
  const copy = h("button", { type: "button", class: "tool", text: t("charts.copy") })
  copy.addEventListener("click", async () => {
    area.select()
    await navigator.clipboard?.writeText(text).catch(() => {})
    copy.textContent = t("charts.copied")
  })
  place.replaceChildren(h("p", { class: "small", text: t("charts.embed_text") }), area, copy)
}
