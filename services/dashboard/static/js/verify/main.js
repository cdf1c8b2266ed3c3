// Wiring of the verify page: one at a time, many at once, or how people and machine agree; the address holds which.

import { remember } from "../address.js"
import { ask } from "../api.js"
import { byId, h, setText } from "../dom.js"
import { say } from "../runs.js"
import { start, t } from "../words.js"
import { drawAgreement } from "./agreement.js"
import { listen, undo, waiting } from "./decisions.js"
import { clearSelection, drawGrid, gridKey, startGrid } from "./grid.js"
import { begun, startLive } from "./live.js"
import { Queue } from "./queue.js"
import { drawRecent, startRecent } from "./recent.js"
import { drawSingle, singleKey, startSingle } from "./single.js"

const MODES = ["one", "many", "agreement"]
const FILTERS = ["class", "camera", "certainty", "verified", "day"]

const page = { runs: [], cameras: [], at: 0, mode: "one", filters: {}, queue: null, over: () => page.queue.over, load, reach }

function readAddress() {
  const query = new URL(location.href).searchParams
  page.mode = MODES.includes(query.get("mode")) ? query.get("mode") : "one"
  page.filters = Object.fromEntries(FILTERS.filter((name) => query.get(name)).map((name) => [name, query.get(name)]))
  return query.get("run")
}

function note() {
  const mode = page.mode === "one" ? null : page.mode
  remember({ ...Object.fromEntries(FILTERS.map((name) => [name, page.filters[name]])), mode, run: null })
}

async function load() {
  const queue = page.queue
  const fresh = await queue.more()
  if (queue !== page.queue) return
  const known = new Set(page.runs.map(({ run_id: id }) => id))
  page.runs.push(...fresh.filter(({ run_id: id }) => !known.has(id)))
}

// Steps to a place of the queue; reads on before the end is reached, and waits only where it is.
async function reach(at) {
  const forward = at > page.at
  page.at = Math.max(0, at)
  while (forward && page.runs[page.at]?.elsewhere) page.at += 1 // another editor was faster
  if (page.at > page.runs.length - 6 && !page.queue.over) {
    const coming = attempt(load)
    if (page.at >= page.runs.length) await coming
  }
  page.at = Math.min(page.at, page.runs.length)
  draw()
}

async function attempt(work) {
  try {
    await work()
    byId("queue-error").hidden = true
  } catch (error) {
    if (error.name === "AbortError") return
    byId("queue-error").hidden = false
    setText(byId("queue-error-text"), error.message)
  }
}

async function begin(first = null) {
  page.queue?.stop()
  const queue = (page.queue = new Queue(page.filters))
  page.runs = []
  page.at = 0
  clearSelection()
  begun()
  byId("queue-loading").hidden = false
  draw()
  await attempt(async () => {
    if (first) {
      const { run } = await ask(`runs/${encodeURIComponent(first)}`)
      if (run.result && queue === page.queue) page.runs.push(run)
    }
    await load()
  })
  if (queue !== page.queue) return
  byId("queue-loading").hidden = true
  draw()
}

function draw() {
  for (const button of document.querySelectorAll("#modes button")) button.setAttribute("aria-pressed", String(button.dataset.mode === page.mode))
  const [one, many] = [page.mode === "one", page.mode === "many"]
  const ended = page.queue.over && (one ? page.at >= page.runs.length : !page.runs.length)
  byId("queue").hidden = page.mode === "agreement"
  byId("agreement-panel").hidden = page.mode !== "agreement"
  byId("queue-empty").hidden = !ended || !byId("queue-error").hidden
  byId("many").hidden = !many || !page.runs.length
  byId("one").hidden = !one || page.at >= page.runs.length
  if (one) drawSingle()
  if (many) drawGrid()
  drawRecent()
}

function choose(mode) {
  page.mode = mode
  note()
  draw()
  if (mode === "agreement") drawAgreement()
}

function startFilters() {
  const form = byId("queue-filters")
  const classes = Object.entries(start.taxonomy).sort(([, a], [, b]) => a.name.localeCompare(b.name))
  form.elements.class.append(...classes.map(([label, entry]) => h("option", { value: label, text: entry.name })))
  form.addEventListener("submit", (event) => event.preventDefault())
  form.addEventListener("change", () => {
    page.filters = Object.fromEntries(FILTERS.filter((name) => form.elements[name]?.value).map((name) => [name, form.elements[name].value]))
    note()
    begin()
  })
}

function foldFilters() {
  const open = byId("queue-filters").classList.toggle("open")
  byId("queue-filters-open").setAttribute("aria-expanded", String(open))
}

function fillFilters() {
  const form = byId("queue-filters")
  for (const name of FILTERS) if (form.elements[name]) form.elements[name].value = page.filters[name] ?? ""
}

function keys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") || event.target.closest("input, select, textarea")) return
  if (event.key === "?") return byId("help").showModal()
  if (event.key.toLowerCase() === "u") return undo() ? event.preventDefault() : undefined
  if (page.mode === "one") singleKey(event)
  else if (page.mode === "many") gridKey(event)
}

function heard(kind, decision, error) {
  const ids = new Set(decision.pairs.map(({ run }) => run.run_id))
  if (kind === "failed") {
    say(t("verify.not_kept", { reason: error.message }), { error: true })
    back(ids)
  } else if (kind === "made" && decision.undoes) {
    say(t("verify.undone"))
    back(ids)
  }
  draw()
}

// What was taken back, or refused, is shown again.
function back(ids) {
  const at = page.runs.findIndex(({ run_id: id }) => ids.has(id))
  if (at >= 0) page.at = at
}

const first = readAddress()
startFilters()
startSingle(page)
startGrid(page)
startRecent()
listen(heard)
for (const button of document.querySelectorAll("#modes button")) button.addEventListener("click", () => choose(button.dataset.mode))
byId("queue-retry").addEventListener("click", () => begin())
byId("queue-filters-open").addEventListener("click", foldFilters)
byId("help-open").addEventListener("click", () => byId("help").showModal())
byId("help").querySelector(".close").addEventListener("click", () => byId("help").close())
addEventListener("keydown", keys)
addEventListener("popstate", () => { readAddress(); fillFilters(); begin(); if (page.mode === "agreement") drawAgreement() })
addEventListener("beforeunload", (event) => { if (waiting()) event.preventDefault() })

startLive(page, { changed: draw, again: () => begin() })
fillFilters()
begin(first)
if (page.mode === "agreement") drawAgreement()
ask("cameras").then(({ items }) => {
  page.cameras = items
  const select = byId("queue-filters").elements.camera
  select.append(...items.map((camera) => h("option", { value: camera.camera_id, text: camera.name })))
  fillFilters()
  draw()
}, () => {})
