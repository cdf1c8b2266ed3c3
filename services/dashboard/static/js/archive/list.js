// The runs that were found, as a wall of pictures or as a table, page by page behind the API's cursor.

import { address as apiAddress, ask } from "../api.js"
import { byId, disc, h, keyed, name, setText } from "../dom.js"
import { labelOf, seconds, showThumbnail, standing, stateOf, thumbnail, titleOf } from "../runs.js"
import { clock, number, t, taxon } from "../words.js"

const PAGE = 60
const FIELDS = "run_id,camera_id,sort_at,duration_s,status,status_reason,result,verification,images.width"

let found = []
let next = null
let asking = null
let shown = { view: "wall", href: () => "#", cameras: new Map() }

export const runs = () => found

export function present(view, cameras, href) {
  shown = { view, cameras: new Map(cameras.map((camera) => [camera.camera_id, camera])), href }
  draw()
}

// A new search forgets the one under way: the last one asked for is the one shown.
export async function search(state) {
  asking?.abort()
  const mine = (asking = new AbortController())
  byId("found").setAttribute("aria-busy", "true")
  blank(found.length ? "" : t("errors.loading"))
  try {
    await page(state, null, mine)
  } finally {
    if (asking === mine) byId("found").removeAttribute("aria-busy")
  }
}

export async function more(state) {
  if (!next || byId("more").disabled) return
  const [button, first] = [byId("more"), found.length]
  button.disabled = true
  setText(button, t("errors.loading"))
  await page(state, next, asking)
  const link = document.querySelectorAll(shown.view === "wall" ? "#wall > li > a" : "#runs-table tbody a")[first]
  link?.focus({ preventScroll: true })
}

async function page(state, cursor, mine) {
  const asked = { ...state.filters, order: state.order, limit: PAGE, cursor, fields: FIELDS }
  try {
    const answer = await ask("runs", asked, { signal: mine.signal })
    if (mine.signal.aborted) return
    found = cursor ? [...found, ...answer.items] : answer.items
    next = answer.next
    blank(found.length ? "" : t(Object.keys(state.filters).length ? "archive.nothing" : "archive.empty"))
    byId("found-table").href = apiAddress("runs", { ...state.filters, order: state.order, format: "csv" })
  } catch (error) {
    if (mine.signal.aborted) return
    if (!cursor) [found, next] = [[], null]
    blank(error.message, { error: true })
  }
  draw()
}

function blank(text, { error = false } = {}) {
  const line = byId("found-blank")
  line.hidden = !text
  line.classList.toggle("error", error)
  setText(line.firstElementChild, text)
  line.querySelector("button").hidden = !error
}

function draw() {
  const wall = shown.view === "wall"
  byId("wall").hidden = !wall || !found.length
  byId("table").hidden = wall || !found.length
  if (wall) keyed(byId("wall"), found, (run) => run.run_id, tile, fillTile)
  else keyed(byId("runs-table").tBodies[0], found, (run) => run.run_id, row, fillRow)
  byId("more").hidden = !next
  byId("more").disabled = false
  setText(byId("more"), t("archive.more", { count: PAGE }))
  byId("found-table").hidden = !found.length
  setText(byId("found-count"), !found.length ? "" : next ? t("archive.count_more", { count: found.length }) : t("archive.count_all", { count: found.length }))
}

const place = (run) => shown.cameras.get(run.camera_id)?.name ?? run.camera_id
const moment = (run) => clock(run.sort_at, shown.cameras.get(run.camera_id)?.timezone)

function picture() {
  const image = thumbnail()
  image.width = 320
  image.height = 240
  return image
}

function tile() {
  return h("li", {}, h("a", { class: "tile" },
    h("span", { class: "picture" }, picture(), h("time"), h("span", { class: "badge" })),
    h("span", { class: "words" }, h("span", { class: "who" }), h("span", { class: "certainty" }), h("span", { class: "meta" }))))
}

function fillTile(item, run) {
  const link = item.firstElementChild
  common(item, link, run)
  item.querySelector(".badge").replaceChildren(...(labelOf(run) ? [disc(taxon(labelOf(run)))] : []))
  item.querySelector(".who").replaceChildren(name(titleOf(run)))
  item.querySelector(".certainty").replaceChildren(standing(run))
  setText(item.querySelector(".meta"), place(run))
}

function row() {
  return h("tr", {}, h("td", {}, picture()), h("th", { scope: "row" }, h("a")), h("td", { class: "certainty" }),
    h("td", {}, h("time")), h("td", { class: "place" }), h("td", { class: "figure" }), h("td", { class: "figure" }))
}

function fillRow(item, run) {
  const link = item.querySelector("a")
  common(item, link, run)
  const label = labelOf(run)
  link.replaceChildren(...(label ? [disc(taxon(label))] : []), h("span", { text: titleOf(run) }))
  item.querySelector(".certainty").replaceChildren(standing(run))
  setText(item.querySelector(".place"), place(run))
  const [frames, lasted] = item.querySelectorAll(".figure")
  setText(frames, number(run.images.length))
  setText(lasted, seconds(run.duration_s))
}

function common(item, link, run) {
  item.dataset.state = stateOf(run)
  item.dataset.runId = run.run_id
  link.href = shown.href(run.run_id)
  link.dataset.run = run.run_id
  showThumbnail(item.querySelector("img"), run)
  const time = item.querySelector("time")
  time.dateTime = run.sort_at
  setText(time, moment(run))
}
