// Two connections can break: the dashboard's to the query service (it tells us, and catches up by itself), and ours to
// the dashboard (we ask until it answers again, and load the page anew: the address holds all there is to know).

import { byId, setText } from "./dom.js"
import { t } from "./words.js"

const PROBE = new URL("../favicon.svg", import.meta.url)
const ASK_EVERY_MS = 1500
let own = true // our connection to the dashboard
let link = "connecting"

export function setLink(state) {
  link = state
  draw()
}

function draw() {
  const shown = own ? link : "lost"
  const pulse = byId("pulse")
  pulse.dataset.link = shown
  setText(pulse.querySelector("span"), t(`link.${shown}`))
  byId("lost").hidden = shown !== "lost"
}

export function watchOwnConnection() {
  const watched = new Set()
  const timer = setInterval(() => {
    for (const bokehDocument of globalThis.Bokeh?.documents ?? []) {
      if (watched.has(bokehDocument)) continue
      watched.add(bokehDocument)
      bokehDocument.on_event("connection_lost", lost)
      clearInterval(timer)
    }
  }, 200)
}

async function lost() {
  if (!own) return
  own = false
  draw()
  for (;;) {
    await new Promise((done) => setTimeout(done, ASK_EVERY_MS * (1 + Math.random()))) // not all pages at once
    try {
      const answer = await fetch(`${PROBE}?probe=${Date.now()}`, { cache: "no-store" })
      if (answer.ok) return location.reload()
    } catch {
      // still away
    }
  }
}
