// Wiring: the page shows its first picture from the snapshot it came with, then follows the messages of its session.

import { addCard, setCameras as setCarpetCameras, setEmpty, setGallery, setTotals } from "./carpet.js"
import { setLink, watchOwnConnection } from "../connection.js"
import { setDay } from "./figures.js"
import { drawHour, setHour } from "./hour.js"
import { drawCameras, setCameras, setSystem } from "./surroundings.js"
import { untabLater } from "../untab.js"
import { start } from "../words.js"

const view = { totals: null, day: null, link: null, seen: false }

const takers = {
  link: ({ link }) => { view.link = link; setLink(link); judgeEmpty() },
  cameras: ({ cameras }) => { setCarpetCameras(cameras); setCameras(cameras) },
  gallery: ({ cards }) => { view.seen ||= cards.length > 0; setGallery(cards); judgeEmpty() },
  card: (card) => { view.seen = true; judgeEmpty(); addCard(card) },
  totals: (totals) => { view.totals = totals; setTotals(totals); judgeEmpty() },
  day: (day) => { view.day = day; setHour(day, view.totals.zone); setDay(day) },
  system: setSystem,
  signed_out: () => location.reload(), // as a visitor, or to the sign-in
}

// Empty is only what the query service said to be empty.
function judgeEmpty() {
  setEmpty(view.link === "live" && !view.seen && view.totals?.runs === 0)
}

function take(message) {
  for (const key of ["totals", "link", "cameras", "system", "gallery", "day", "signed_out"]) if (key in message) takers[key](message[key])
  for (const card of message.cards ?? []) takers.card(card)
  document.documentElement.dataset.messages = String(Number(document.documentElement.dataset.messages ?? 0) + 1)
}

function send(message) {
  document.dispatchEvent(new CustomEvent("krabbel:send", { detail: message }))
}

// From now on the session tells us.
function begin() {
  send({ ready: true })
}

take(start.snapshot)
document.addEventListener("krabbel:message", (event) => take(event.detail))
if ("wired" in document.documentElement.dataset) begin()
else document.addEventListener("krabbel:wired", begin)
setInterval(() => { drawCameras(); drawHour() }, 10000)
untabLater(document.querySelector(".chart"))
watchOwnConnection()
