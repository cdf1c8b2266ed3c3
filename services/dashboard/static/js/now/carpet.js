// The live gallery: the last visitors, newest first. The browser keeps the cards; the server sends one small message each.

import { credit } from "../credit.js"
import { byId, disc, h, keyed, name, setText } from "../dom.js"
import { showVisit } from "../pictures.js"
import { clock, number, percent, t, taxon } from "../words.js"

const SHOWN = 11
const WAITING = 3 // as state.py: a long queue must not push all named visitors out
const FAREWELL_MS = 7000
const ANNOUNCE_MS = 5000

const NEWS = new Set(["first_ever", "first_season", "rare"])
const GONE = new Set(["none", "failed"])

const cards = new Map()
const leaving = new Map()
let cameras = new Map()
let announced = 0

export function setCameras(list) {
  cameras = new Map(list.map((camera) => [camera.id, camera]))
  draw()
}

export function setGallery(list) {
  cards.clear()
  for (const card of list) cards.set(card.id, card)
  draw()
}

export function addCard(card) {
  const known = cards.get(card.id)
  card.fresh = card.state === "named" && known?.state !== "named"
  card.fromLive = true
  cards.set(card.id, card)
  if (GONE.has(card.state)) sayFarewell(card.id)
  if (card.fresh) announce(card)
  draw()
}

// A false alarm says what it was, and leaves.
function sayFarewell(id) {
  if (leaving.has(id)) return
  leaving.set(id, setTimeout(() => {
    leaving.delete(id)
    if (GONE.has(cards.get(id)?.state)) cards.delete(id)
    draw()
  }, FAREWELL_MS))
}

function visible() {
  const ordered = [...cards.values()].sort((a, b) => (a.arrived < b.arrived ? 1 : a.arrived > b.arrived ? -1 : a.id < b.id ? 1 : -1))
  let waiting = 0
  const kept = ordered.filter((card) => card.state !== "pending" || ++waiting <= WAITING)
  for (const gone of kept.slice(SHOWN * 2)) cards.delete(gone.id)
  const shown = kept.slice(0, SHOWN)
  const lead = shown.findIndex((card) => !GONE.has(card.state)) // the large place is no false alarm's
  if (lead > 0) shown.unshift(...shown.splice(lead, 1))
  return shown
}

function draw() {
  const shown = visible()
  keyed(byId("visitors"), shown, (card) => card.id, build, update)
  drawNews(shown.find((card) => NEWS.has(card.novelty)))
}

// What nobody should miss, said once more above the carpet, without haste.
function drawNews(card) {
  const line = byId("news")
  line.hidden = !card
  if (card) setText(line, t(`novelty.${card.novelty}_long`, { name: taxon(card.label).name }))
}

function build(card) {
  const item = h("li", { class: card.fromLive ? "card new" : "card" },
    h("div", { class: "picture" }, h("img", { alt: "", decoding: "async", draggable: "false" }), h("p", { class: "ribbon", hidden: true }), h("time"), h("span", { class: "badge" })),
    h("div", { class: "words" },
      h("p", { class: "who" }), h("p", { class: "sci", lang: "la" }), h("p", { class: "certainty" }), h("p", { class: "meta" }), h("p", { class: "credit" })),
    h("button", { type: "button", class: "open" }))
  item.querySelector(".open").addEventListener("click", () => showVisit(card.id, cameras))
  // Each is played once: a card that changes its place would begin anew.
  item.addEventListener("animationend", ({ animationName }) => item.classList.remove({ arrive: "new", glow: "fresh" }[animationName]))
  return item
}

function update(item, card) {
  const camera = cameras.get(card.camera)
  const place = camera?.name ?? card.camera
  const signature = JSON.stringify([card.state, card.label, card.p, card.src, place, card.certainty, card.novelty, camera?.credit, camera?.licence])
  if (item.dataset.signature === signature) return
  item.dataset.signature = signature
  item.dataset.state = card.state
  const entry = card.label ? taxon(card.label) : null
  const image = item.querySelector("img")
  if (card.src && image.getAttribute("src") !== card.src) image.setAttribute("src", card.src)
  image.alt = entry ? t("card.alt", { name: entry.name, camera: place }) : t("card.pending_alt")
  item.querySelector(".badge").replaceChildren(...(entry ? [disc(entry)] : []))
  const title = entry ? entry.name : t(card.state === "failed" ? "card.failed" : "card.pending")
  item.querySelector(".who").replaceChildren(name(title))
  setText(item.querySelector(".sci"), entry?.sci ?? "")
  item.querySelector(".certainty").replaceChildren(...certainty(card))
  setText(item.querySelector(".meta"), place)
  setText(item.querySelector(".credit"), camera?.credit ? credit(camera) : camera?.licence ?? "") // the camera's name stands above
  item.querySelector(".open").setAttribute("aria-label", t("pictures.open", { name: title }))
  const ribbon = item.querySelector(".ribbon")
  ribbon.hidden = !card.novelty
  if (card.novelty) setText(ribbon, t(`novelty.${card.novelty}`))
  item.classList.toggle("remarkable", Boolean(card.novelty))
  const time = item.querySelector("time")
  time.dateTime = card.at
  setText(time, clock(card.at, camera?.zone))
  if (card.fresh) {
    item.classList.remove("fresh")
    void item.offsetWidth // begin the glow anew
    item.classList.add("fresh")
    card.fresh = false
  }
}

function certainty(card) {
  if (card.state === "none") return [h("span", { class: "sure none", text: t("card.none") })]
  if (card.state !== "named") return []
  const word = h("span", { text: t(`certainty.${card.certainty}`) })
  return [h("span", { class: `sure ${card.certainty}`, title: t(`certainty_title.${card.certainty}`) },
    h("i", { "aria-hidden": "true" }), word, h("span", { class: "number", text: percent(card.p) }))]
}

function announce(card) {
  if (Date.now() - announced < ANNOUNCE_MS) return
  announced = Date.now()
  const place = cameras.get(card.camera)?.name ?? card.camera
  setText(byId("announcer"), t("carpet.announce", { name: taxon(card.label).name, certainty: t(`certainty.${card.certainty}`), camera: place }))
}

export function setTotals(totals) {
  setText(byId("count-today"), number(totals.today_insects))
  setText(byId("count-total"), number(totals.insects))
}

export function setEmpty(empty) {
  byId("welcome").hidden = !empty
  byId("visitors").hidden = empty
  document.body.classList.toggle("empty", empty)
}

