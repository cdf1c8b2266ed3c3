// Wiring of the operator's page: one section is shown, the address says which; what goes on is asked again by itself.

import { ask } from "../api.js"
import { inAddress, keepLanguageLinks } from "../address.js"
import { byId, setText } from "../dom.js"
import { number, start } from "../words.js"
import * as cameras from "./cameras.js"
import * as dead from "./dead.js"
import { every } from "./every.js"
import * as exports from "./exports.js"
import * as keys from "./keys.js"
import * as models from "./models.js"
import * as people from "./people.js"
import * as storage from "./storage.js"
import * as work from "./work.js"

const SECTIONS = { work, cameras, keys, people, dead, models, exports, storage }
const BADGE_S = 15
let shown = null

const wanted = () => {
  const name = inAddress("section")
  return name in SECTIONS ? name : start.sections[0]
}

function show(name) {
  if (shown !== name) SECTIONS[shown]?.close?.()
  shown = name
  for (const each of start.sections) byId(`section-${each}`).hidden = each !== name
  for (const link of document.querySelectorAll(".sections a")) {
    const current = link.dataset.section === name
    link.toggleAttribute("aria-current", current)
    if (current) link.setAttribute("aria-current", "page")
  }
  keepInSight()
  keepLanguageLinks()
  SECTIONS[name].open()
}

// On a phone the sections lie in a row that scrolls sideways.
function keepInSight() {
  const link = document.querySelector(".sections [aria-current]")
  const bar = link.closest("ul")
  bar.scrollLeft = link.offsetLeft - (bar.clientWidth - link.offsetWidth) / 2
}

function badge(name, count) {
  const mark = document.querySelector(`.sections [data-section="${name}"] .badge`)
  mark.hidden = !count
  setText(mark, count ? number(count) : "")
  keepInSight()
}

document.querySelector(".sections").addEventListener("click", (event) => {
  const link = event.target.closest("a")
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return
  event.preventDefault()
  if (link.href !== location.href) history.pushState({}, "", link.href)
  show(link.dataset.section)
  byId(`${link.dataset.section}-title`).focus({ preventScroll: true })
})
addEventListener("popstate", () => show(wanted()))

dead.start((count) => badge("dead", count))
for (const section of [cameras, keys, people, models, exports, storage]) section.start()
show(wanted())
every(BADGE_S, async () => {
  const system = shown === "dead" ? null : await ask("system").catch(() => null)
  if (system?.queues) badge("dead", work.parkedIn(system))
})
