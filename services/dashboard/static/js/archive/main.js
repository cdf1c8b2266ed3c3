// Wiring of the archive: the address says what is shown; every change of it, also by the back button, is followed.

import { keepLanguageLinks } from "../address.js"
import { ask } from "../api.js"
import { byId, setText } from "../dom.js"
import { addressOf, readAddress, remember } from "./address.js"
import { drawChips } from "./chips.js"
import { fill, setCameras, setModels, startFilters } from "./filters.js"
import { moveFocus } from "./keys.js"
import { more, present, runs, search } from "./list.js"
import { drawOrder, startOrders } from "./orders.js"
import { closeRun, openRun, runKey, startRun } from "./run.js"

let state = readAddress()
let cameras = []
let searched = null
let scrolled = 0

const asked = () => JSON.stringify([state.filters, state.order])
const runAddress = (id) => addressOf({ ...state, run: id, frame: null, model: null }).href

function show() {
  byId("archive").hidden = state.run !== null
  byId("run").hidden = state.run === null
  for (const button of document.querySelectorAll("#views button")) button.setAttribute("aria-pressed", String(button.dataset.view === state.view))
  drawOrder(state.order)
  drawChips(state.filters, cameras, change)
  present(state.view, cameras, runAddress)
  if (searched !== asked() && state.run === null) find()
  if (state.run !== null) openRun(state, { cameras, neighbours: neighbours(), close: backToList, choose: (id) => go({ run: id, frame: null, model: null }, { replace: true }) })
  else closeRun()
}

function find() {
  searched = asked()
  return search(state)
}

function neighbours() {
  const at = runs().findIndex((run) => run.run_id === state.run)
  return { earlier: runs()[at - 1]?.run_id ?? null, later: at < 0 ? null : (runs()[at + 1]?.run_id ?? null), at, of: runs().length }
}

function go(changes, options) {
  state = { ...state, ...changes }
  remember(state, options)
  show()
}

function change(filters) {
  state = { ...state, filters }
  fill(filters)
  remember(state)
  show()
}

function backToList() {
  const from = state.run
  go({ run: null, frame: null, model: null })
  scrollTo(0, scrolled)
  document.querySelector(`a[data-run="${from}"]`)?.focus({ preventScroll: true })
}

function open(event) {
  const link = event.target.closest("a[data-run]")
  if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
  event.preventDefault()
  scrolled = scrollY
  go({ run: link.dataset.run, frame: null, model: null })
  scrollTo(0, 0)
}

function keys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return
  if (state.run !== null) return runKey(event)
  if (event.key === "/") {
    event.preventDefault()
    openFilters(true)
    byId("filters").elements.q.focus()
  } else moveFocus(event, state.view === "wall" ? "#wall > li > a" : "#runs-table tbody a", state.view === "wall")
}

function openFilters(wanted) {
  byId("filters-open").setAttribute("aria-expanded", String(wanted))
  byId("filters").classList.toggle("open", wanted)
}

async function surroundings() {
  const [found, status] = await Promise.all([ask("cameras"), ask("status").catch(() => null)])
  cameras = found.items
  setCameras(cameras, state.filters.camera)
  setModels([...new Set([status?.model?.model_id, ...(status?.workers ?? []).map((worker) => worker.model_id)].filter(Boolean))])
}

startFilters((filters) => { state = { ...state, filters }; remember(state); show() })
startRun({ changed: (changes) => { state = { ...state, ...changes }; remember(state, { replace: true }) } })
for (const button of document.querySelectorAll("#views button")) button.addEventListener("click", () => go({ view: button.dataset.view }))
startOrders((order) => go({ order }))
byId("more").addEventListener("click", () => more(state))
byId("found-blank").querySelector("button").addEventListener("click", find)
byId("filters-open").addEventListener("click", () => openFilters(byId("filters-open").getAttribute("aria-expanded") !== "true"))
byId("filters-done").addEventListener("click", () => { openFilters(false); byId("filters-open").focus() })
byId("archive").addEventListener("click", open)
addEventListener("keydown", keys)
addEventListener("popstate", () => { state = readAddress(); fill(state.filters); keepLanguageLinks(); show() })

keepLanguageLinks()
fill(state.filters)
show() // the list does not wait for the cameras' names
surroundings().then(() => { fill(state.filters); show() }, (error) => setText(byId("found-count"), error.message))
