// What happens elsewhere: new runs are offered, not pushed in; what another editor decided shows at once.

import { byId, setText } from "../dom.js"
import { say } from "../runs.js"
import { t, taxon } from "../words.js"
import { decisions } from "./decisions.js"

const fresh = new Set()
let page = null // { runs, filters, at, mode }
let draw = () => {}
let ahead = 0 // so much the server's clock is ahead of ours, in milliseconds
let since = 0
let stale = false

// `changed()` draws the page anew; `again()` reads the queue from its beginning.
export function startLive(holder, { changed, again }) {
  page = holder
  draw = changed
  byId("arrivals").addEventListener("click", again)
  const stream = new EventSource("/ui/changes")
  let lost = false
  stream.addEventListener("hello", ({ data }) => {
    ahead = new Date(JSON.parse(data).now).getTime() - Date.now()
    if (lost) missed()
    lost = false
  })
  stream.addEventListener("change", ({ data }) => take(JSON.parse(data)))
  stream.addEventListener("missed", missed)
  stream.addEventListener("error", () => { lost = true })
}

// The queue is read anew: what was offered is in it.
export function begun() {
  fresh.clear()
  stale = false
  since = Date.now() + ahead
  offer()
}

function missed() {
  stale = true
  offer()
}

function take(changes) {
  const elsewhere = changes.filter(decidedElsewhere)
  for (const change of changes) {
    if (isNew(change)) fresh.add(change.run_id)
    else fresh.delete(change.run_id)
  }
  offer()
  if (!elsewhere.length) return
  const here = elsewhere.find(({ run_id: id }) => page.mode === "one" && page.runs[page.at]?.run_id === id)
  if (here?.verification) say(t("verify.elsewhere", { by: here.verification.verified_by, name: taxon(here.verification.label).name }))
  draw()
}

// Takes over what somebody else said of a run that we show; our own words come back the same, and change nothing.
function decidedElsewhere(change) {
  const run = page.runs.find(({ run_id: id }) => id === change.run_id)
  if (!run || decisions().some(({ state, pairs }) => ["sending", "undoing"].includes(state) && pairs.some((pair) => pair.run === run))) return false
  const [ours, theirs] = [run.verification, change.verification]
  if ((ours?.label ?? null) === (theirs?.label ?? null)) return false
  if (ours && theirs && theirs.verified_at < ours.verified_at) return false
  run.verification = theirs
  run.elsewhere = Boolean(theirs)
  return true
}

function isNew(change) {
  const { class: label, camera, certainty, day, verified } = page.filters
  return change.status === "classified" && new Date(change.received_at).getTime() > since && !page.runs.some(({ run_id: id }) => id === change.run_id)
    && (!label || label === change.label) && (!camera || camera === change.camera) && (!certainty || certainty === change.certainty)
    && (!day || day === change.day) && (verified === "true") === Boolean(change.verification)
}

function offer() {
  const button = byId("arrivals")
  button.hidden = !fresh.size && !stale
  setText(button, fresh.size ? t("verify.arrivals", { count: fresh.size }) : t("verify.stale"))
}
