// The day's pictures, a page at a time. The address holds the page.

import { inAddress, remember } from "../address.js"
import { ask } from "../api.js"
import { creditLine } from "../credit.js"
import { byId, disc, h, keyed, name, setText } from "../dom.js"
import { showVisit } from "../pictures.js"
import { fill } from "../states.js"
import { labelOf, thumbnail } from "../thumbnails.js"
import { clock, start, t, taxon } from "../words.js"

const PER_PAGE = 24
const STEP = 8 // pages that one question skips
const cameras = new Map(start.snapshot.cameras.cameras.map((camera) => [camera.id, camera]))
let day = null
let page = 1
let cursors = new Map([[1, null]]) // where each page begins, as far as known

const asked = () => Math.max(1, Math.min(9999, Number.parseInt(inAddress("page"), 10) || 1))

export function startWall() {
  byId("wall-older").addEventListener("click", () => turn(page + 1))
  byId("wall-newer").addEventListener("click", () => turn(page - 1))
}

function turn(to) {
  remember({ page: to > 1 ? to : null })
  show(to)
}

export function showWall(wanted) {
  if (wanted !== day) cursors = new Map([[1, null]])
  else if (page === asked() && page > 1) return // who leafs through earlier pictures is not thrown back
  day = wanted
  show(asked())
}

function show(to) {
  page = to
  fill(byId("wall-part"), (signal) => read(signal), ({ items, next }) => {
    keyed(byId("wall"), items, (run) => run.run_id, visitCard, () => {})
    if (!items.length) byId("wall").replaceChildren(h("li", { class: "quiet", text: t("wall.empty") }))
    if (next) cursors.set(page + 1, next)
    byId("wall-older").disabled = !next
    byId("wall-newer").disabled = page === 1
    setText(byId("wall-page"), t("wall.page", { page }))
  })
}

const runs = (parameters, signal) => ask("runs", { day, insect: true, ...parameters }, { signal })

// A page from the address is reached from the last one whose beginning is known; one that is not there any more is the last.
async function read(signal) {
  while (!cursors.has(page)) {
    const from = Math.max(...[...cursors.keys()].filter((known) => known < page))
    const pages = Math.min(STEP, page - from)
    const { next } = await runs({ limit: pages * PER_PAGE, cursor: cursors.get(from), fields: "run_id" }, signal)
    if (next) cursors.set(from + pages, next)
    else page = from
  }
  return runs({ limit: PER_PAGE, cursor: cursors.get(page) }, signal)
}

// One visit of the day, which opens all its pictures.
export function visitCard(run) {
  const camera = cameras.get(run.camera_id)
  const entry = taxon(labelOf(run))
  const time = clock(run.sort_at, camera?.zone)
  const open = h("button", { type: "button", class: "open", "aria-label": t("wall.card", { name: entry.name, time, camera: camera?.name ?? run.camera_id }) })
  open.addEventListener("click", () => showVisit(run.run_id, cameras))
  return h("li", {}, h("div", { class: "portrait" }, thumbnail(run), disc(entry)),
    h("p", { class: "who" }, name(entry.name)), h("p", { class: "credit" }, ...creditLine(camera, run.camera_id)), open)
}
