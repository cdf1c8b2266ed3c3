// One run in full: it is read once, and drawn again when another model or picture is chosen.

import { ask } from "../api.js"
import { byId, disc, h, name, setText } from "../dom.js"
import { goneWords, hasPictures, picturesOf } from "../gone.js"
import { bestOf, labelOf, say, standing, stateOf, titleOf } from "../runs.js"
import { clock, t, taxon } from "../words.js"
import { drawCredit, drawHistory, drawPlace, drawTimes, drawTrap } from "./facts.js"
import { Frames } from "./frames.js"
import { drawModels, drawReasons, drawTable, drawTop, resultsOf, topsOf } from "./results.js"

let frames = null
let shown = null // { id, detail, results, model }
let around = null
let tell = { changed: () => {} }

export function startRun(callbacks) {
  tell = callbacks
  frames = new Frames(byId("frames"), { onFrame: onFrame })
  byId("run-back").addEventListener("click", (event) => { event.preventDefault(); around.close() })
  byId("run-earlier").addEventListener("click", () => around.choose(around.neighbours.earlier))
  byId("run-later").addEventListener("click", () => around.choose(around.neighbours.later))
  byId("copy-link").addEventListener("click", copyLink)
  byId("run-retry").addEventListener("click", () => { shown = null; load(around.state) })
}

export function openRun(state, surroundings) {
  around = { ...surroundings, state }
  const { neighbours } = around
  byId("run-earlier").disabled = !neighbours.earlier
  byId("run-later").disabled = !neighbours.later
  setText(byId("run-place"), neighbours.at < 0 ? "" : t("run.place_in_list", { at: neighbours.at + 1, of: neighbours.of }))
  if (shown?.id !== state.run) load(state)
  else if (shown.detail) drawCamera()
}

export function closeRun() {
  frames?.pause()
  shown = null
}

async function load(state) {
  frames.pause()
  const mine = (shown = { id: state.run, detail: null })
  byId("run-body").hidden = true
  byId("run-error").hidden = true
  byId("run-loading").hidden = false
  try {
    const detail = await ask(`runs/${state.run}`)
    if (shown !== mine) return
    shown.detail = detail
    shown.results = resultsOf(detail)
    shown.model = shown.results.some(({ model_id: id }) => id === state.model) ? state.model : (detail.run.result?.model_id ?? shown.results[0]?.model_id)
    draw(state)
  } catch (error) {
    if (shown !== mine) return
    byId("run-error").hidden = false
    setText(byId("run-error-text"), error.message)
  } finally {
    if (shown === mine) byId("run-loading").hidden = true
  }
}

const camera = () => around.cameras.find(({ camera_id: id }) => id === shown.detail.run.camera_id)

function draw(state) {
  const { run } = shown.detail
  const label = labelOf(run)
  byId("run-body").hidden = false
  byId("run").dataset.state = stateOf(run)
  byId("run-title").replaceChildren(name(titleOf(run)))
  byId("run-disc").replaceChildren(...(label ? [disc(taxon(label))] : []))
  setText(byId("run-sci"), label ? taxon(label).sci : "")
  byId("run-standing").replaceChildren(standing(run), ...overruled(run))
  byId("run-verify").hidden = !run.result || !document.querySelector(".pages a[href^='/verify']") // as the navigation has it: editors only
  byId("run-verify").href = verifyAddress(run)
  drawCamera()
  drawChosen()
  const at = state.frame ? state.frame - 1 : bestOf(run)
  frames.open(picturesOf(run, bestOf(run)), { at, alt: t("card.alt", { name: titleOf(run), camera: camera()?.name ?? run.camera_id }), tops: topsOf(chosen()), still: Boolean(run.pictures_gone) })
  byId("run-gone").hidden = !run.pictures_gone
  setText(byId("run-gone"), goneWords(run))
  byId("get-zip").hidden = !hasPictures(run)
  drawTrap(run)
  drawHistory(shown.detail.verifications ?? [], camera()?.timezone)
}

// Where a person said otherwise, what the machine had said stays to be seen.
function overruled(run) {
  if (run.verification?.verdict !== "corrected" || !run.result) return []
  return [h("span", { class: "quiet", text: t("run.machine_said", { name: taxon(run.result.label).name }) })]
}

function drawCamera() {
  const { run } = shown.detail
  const zone = camera()?.timezone
  setText(byId("run-meta"), `${camera()?.name ?? run.camera_id} · ${clock(run.sort_at, zone)}`)
  drawTimes(run, zone)
  drawCredit(camera(), run)
  drawPlace(camera(), run)
}

const chosen = () => shown.results.find(({ model_id: id }) => id === shown.model)

function drawChosen() {
  const { run } = shown.detail
  drawModels(shown.results, shown.model, run, (model) => {
    shown.model = model
    tell.changed({ model: model === run.result?.model_id ? null : model })
    drawChosen()
    frames.mark(topsOf(chosen()))
    drawCurrentTop()
    byId("models-rows").querySelector("input:checked")?.focus()
  })
  drawReasons(chosen()?.result ?? null)
  drawTable(run, topsOf(chosen()))
}

function drawCurrentTop() {
  const { images } = shown.detail.run
  drawTop(topsOf(chosen()).get(images[frames.at].sha256), frames.at, images.length)
}

function onFrame(at) {
  if (!shown?.detail) return
  drawCurrentTop()
  if (!frames.playing && at !== bestOf(shown.detail.run)) tell.changed({ frame: at + 1 })
  else if (!frames.playing) tell.changed({ frame: null })
}

function verifyAddress(run) {
  const address = new URL("/verify", location.href)
  address.searchParams.set("lang", document.documentElement.lang)
  address.searchParams.set("run", run.run_id)
  return address.href
}

async function copyLink() {
  try {
    await navigator.clipboard.writeText(location.href)
    say(t("run.copied"))
  } catch {
    say(t("run.copy_by_hand", { address: location.href }))
  }
}

export function runKey(event) {
  const act = {
    Escape: () => around.close(),
    ArrowLeft: () => { frames.pause(); frames.show(frames.at - 1) },
    ArrowRight: () => { frames.pause(); frames.show(frames.at + 1) },
    j: () => around.neighbours.later && around.choose(around.neighbours.later),
    k: () => around.neighbours.earlier && around.choose(around.neighbours.earlier),
    " ": () => frames.toggle(),
  }[event.key]
  if (!act || !shown?.detail || (event.key === " " && event.target.closest("button, a, summary"))) return
  event.preventDefault()
  act()
}
