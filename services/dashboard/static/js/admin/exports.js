// Exports: choose, start, watch, take away. They are made by the query service and kept for a while.

import { ask, tell } from "../api.js"
import { byId, h, keyed, setText } from "../dom.js"
import { fill } from "../states.js"
import { longDay, percent, since, start as boot, t, taxon } from "../words.js"
import { showError } from "./dialogs.js"
import { every, keepFilled } from "./every.js"
import { bytes } from "./pieces.js"

const OPEN = ["waiting", "running"]
let [cameras, stop] = [[], null]

export function start() {
  const form = byId("export-form")
  const classes = Object.entries(boot.taxonomy).sort(([, a], [, b]) => a.name.localeCompare(b.name))
  form.elements.class.append(...classes.map(([label, entry]) => h("option", { value: label, text: entry.name })))
  form.addEventListener("submit", (event) => { event.preventDefault(); begin(form) })
}

export function open() {
  fill(byId("export-form"), async (signal) => Promise.all([ask("exports", {}, { signal }), ask("cameras", {}, { signal })]), ([formats, found]) => {
    cameras = found.items
    drawForm(formats.items)
  })
  stop?.()
  stop = every(2, refresh)
}

export function close() {
  stop?.()
}

function drawForm(formats) {
  const form = byId("export-form")
  form.elements.camera.replaceChildren(form.elements.camera.options[0], ...cameras.map((camera) => h("option", { value: camera.camera_id, text: camera.name })))
  const chosen = form.elements.format?.value || formats[0].format
  byId("export-formats").replaceChildren(...formats.map(({ format, title }) => {
    const [name, hint] = [t(`format.${format}`), t(`format_hint.${format}`)]
    return h("label", { class: "format" }, h("input", { type: "radio", name: "format", value: format, checked: format === chosen }),
      h("span", {}, h("b", { text: name.startsWith("format.") ? format : name }), h("small", { text: hint.startsWith("format_hint.") ? title : hint })))
  }))
}

async function begin(form) {
  const wish = { format: form.elements.format.value, insect: form.elements.insect.checked ? "true" : "" }
  for (const name of ["from", "to", "camera", "class"]) wish[name] = form.elements[name].value
  const button = form.querySelector("[type=submit]")
  button.disabled = true
  showError(byId("export-error"), "")
  try {
    await tell("exports", Object.fromEntries(Object.entries(wish).filter(([, value]) => value)))
    await refresh()
    byId("exports-list").scrollIntoView({ block: "nearest" })
  } catch (error) {
    showError(byId("export-error"), error.message)
  } finally {
    button.disabled = false
  }
}

const refresh = () => keepFilled(byId("exports-body"), () => ask("exports/jobs"), draw)

function draw({ items }) {
  byId("exports-none").hidden = items.length > 0
  keyed(byId("exports-list"), items, (job) => job.job_id, build, update)
}

function build(job) {
  const title = t(`format.${job.format}`)
  const names = h("div", { class: "names" }, h("h3", { text: title.startsWith("format.") ? job.format : title }), h("p", { text: selection(job.parameters) }))
  const bar = h("progress", { "aria-label": t("exports.progress", { name: job.file_name }) })
  return h("li", { class: "entry" }, h("div", { class: "entry-head" }, names, h("span", { class: "mark" }, h("i", { "aria-hidden": "true" }), h("span"))),
    bar, h("p", { class: "small job-says" }), h("div", { class: "entry-tools" }, h("a", { class: "button chief", href: `/ui/api/exports/${job.job_id}/download`, download: job.file_name, text: t("exports.download") })))
}

function update(item, job) {
  const running = OPEN.includes(job.state)
  const sign = item.querySelector(".mark")
  sign.className = `mark ${{ done: "good", failed: "bad" }[job.state] ?? "busy"}`
  setText(sign.lastChild, t(`exports.${job.state}`))
  const bar = item.querySelector("progress")
  bar.hidden = !running
  if (job.runs_total) {
    bar.max = job.runs_total
    bar.value = job.runs_written
  } else bar.removeAttribute("value")
  item.querySelector(".entry-tools").hidden = job.state !== "done"
  setText(item.querySelector(".job-says"), says(job))
}

function says(job) {
  if (job.state === "failed") return job.reason
  if (job.state === "waiting") return t("exports.waits", { since: since(job.created_at) })
  if (job.state === "running") return job.runs_total ? t("exports.runs_of", { written: job.runs_written, total: job.runs_total, share: percent(job.runs_written / job.runs_total) }) : t("exports.runs", { count: job.runs_written })
  return [t("exports.runs", { count: job.runs_written }), bytes(job.byte_size), since(job.finished_at), left(job.expires_at)].filter(Boolean).join(" · ")
}

function left(moment) {
  const hours = (new Date(moment) - Date.now()) / 3_600_000
  return hours > 1 ? t("exports.expires_h", { count: Math.round(hours) }) : t("exports.expires_soon")
}

function selection(parameters) {
  const camera = cameras.find((one) => one.camera_id === parameters.camera)?.name ?? parameters.camera
  const words = [camera, parameters.class && taxon(parameters.class).name, parameters.insect === "true" && t("exports.insects"),
    parameters.from && t("exports.since", { day: longDay(parameters.from) }), parameters.to && t("exports.until", { day: longDay(parameters.to) })]
  return words.filter(Boolean).join(" · ") || t("exports.everything")
}
