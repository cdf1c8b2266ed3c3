// The day's pictures, a page at a time.

import { ask } from "../api.js"
import { credit } from "../credit.js"
import { byId, disc, h, name, setText } from "../dom.js"
import { imagePath, showVisit } from "../pictures.js"
import { fill } from "../states.js"
import { clock, t, taxon } from "../words.js"

const PER_PAGE = 24
let day = null
let cameras = new Map()
let cursors = [null]

export function startWall() {
  byId("wall-older").addEventListener("click", () => { cursors.push(byId("wall-older").dataset.cursor); load() })
  byId("wall-newer").addEventListener("click", () => { cursors.pop(); load() })
}

export function showWall(wanted, known) {
  cameras = known
  if (wanted === day && cursors.length > 1) return // who leafs through earlier pictures is not thrown back
  day = wanted
  cursors = [null]
  load()
}

function load() {
  fill(byId("wall-part"), (signal) => ask("runs", { day, insect: true, limit: PER_PAGE, cursor: cursors.at(-1) }, { signal }), ({ items, next }) => {
    byId("wall").replaceChildren(...(items.length ? items.map(card) : [h("li", { class: "quiet", text: t("wall.empty") })]))
    byId("wall-older").disabled = !next
    byId("wall-older").dataset.cursor = next ?? ""
    byId("wall-newer").disabled = cursors.length === 1
    setText(byId("wall-page"), t("wall.page", { page: cursors.length }))
  })
}

function card(run) {
  const camera = cameras.get(run.camera_id)
  const entry = taxon(run.verification?.label ?? run.result.label)
  const best = run.images.find((image) => image.sha256 === run.result?.best_image) ?? run.images[0]
  const time = clock(run.sort_at, camera?.zone)
  const open = h("button", { type: "button", class: "open", "aria-label": t("wall.card", { name: entry.name, time, camera: camera?.name ?? run.camera_id }) })
  open.addEventListener("click", () => showVisit(run.run_id, cameras))
  return h("li", {}, h("div", { class: "portrait" }, h("img", { src: imagePath(best.object_key), alt: "", loading: "lazy", decoding: "async" }), disc(entry)),
    h("p", { class: "who" }, name(entry.name)), h("p", { class: "credit", text: credit(camera, run.camera_id) }), open)
}
