// Dead letters: jobs that no worker could do. Why, what they are about, and another try or the bin.

import { ask, tell } from "../api.js"
import { byId, h } from "../dom.js"
import { say } from "../runs.js"
import { number, start as boot, t } from "../words.js"
import { sure } from "./dialogs.js"
import { every, keepFilled } from "./every.js"
import { button, entry, moment, pair, renew } from "./pieces.js"

const REFRESH_S = 10 // looking takes the messages in hand: rarely
const KNOWN = {
  "a worker gave it up": "dead.cause_rejected",
  "its workers were lost again and again": "dead.cause_lost",
  "it expired": "dead.cause_expired",
}
const OBSTACLES = {
  "Its run is not in the database (any more): there is nothing to classify.": "dead.run_gone",
  "The run's pictures were removed by retention: there is nothing to classify.": "dead.pictures_gone",
}
let stop = null
let count = () => {}

export function start(tellCount) {
  count = tellCount
  byId("dead-all").addEventListener("click", replayAll)
}

export function open() {
  stop?.()
  stop = every(REFRESH_S, refresh)
}

export function close() {
  stop?.()
}

const refresh = () => keepFilled(byId("dead-body"), () => ask("dead"), draw)

function draw({ items, total }) {
  count(total)
  byId("dead-none").hidden = items.length > 0
  byId("dead-all").hidden = !items.length
  const more = byId("dead-more")
  more.hidden = total <= items.length
  more.textContent = t("dead.more", { shown: items.length, total })
  renew(byId("dead-list"), items.map(row))
}

function row(letter) {
  const cause = letter.run_id === null ? t("dead.cause_unreadable") : t(KNOWN[letter.cause] ?? "dead.cause_unknown")
  const run = letter.run_id && h("a", { href: `/archive?lang=${boot.lang}&run=${letter.run_id}`, text: t("dead.see_run") })
  const names = h("div", { class: "names" }, h("h3", { text: cause }), letter.reason in KNOWN ? null : h("p", { text: letter.reason }))
  const item = entry(letter.id, [names], [
    pair(t("dead.run"), run || t("dead.unreadable")),
    pair(t("dead.camera"), letter.camera_id),
    pair(t("dead.images"), letter.images === null ? null : number(letter.images)),
    pair(t("dead.parked"), moment(letter.parked_at)),
    pair(t("dead.tries"), letter.deliveries === null ? null : number(letter.deliveries)),
    pair(t("dead.queue"), letter.queue),
    pair(t("dead.version"), letter.job_version === null ? null : number(letter.job_version)),
  ])
  if (letter.obstacle) item.append(h("p", { class: "note", text: OBSTACLES[letter.obstacle] ? t(OBSTACLES[letter.obstacle]) : letter.obstacle }))
  item.append(h("div", { class: "entry-tools" },
    ...(letter.obstacle ? [] : [button(t("dead.replay"), () => change(`dead/${letter.id}/replay`, {}, "POST"), { label: `${t("dead.replay")}: ${letter.id}` })]),
    button(t("dead.drop"), () => drop(letter), { label: `${t("dead.drop")}: ${letter.id}` })))
  return item
}

async function replayAll() {
  if (await sure(t("dead.all_title"), t("dead.all_text"), t("dead.replay_all"))) await change("dead/replay", {}, "POST")
}

async function drop(letter) {
  if (await sure(t("dead.drop_title"), t("dead.drop_text"), t("dead.drop"))) await change(`dead/${letter.id}`, undefined, "DELETE")
}

async function change(path, body, method) {
  try {
    const { done, skipped } = await tell(path, body, method)
    const word = method === "DELETE" ? t("dead.dropped") : t("dead.replayed", { count: done })
    say(skipped ? `${word} ${t("dead.skipped", { count: skipped })}` : word)
  } catch (error) {
    say(error.message, { error: true })
  }
  await refresh()
}
