// What goes on: how much waits, who works and how fast, what is still in the gateways' spools. Asked again by itself.

import { ask } from "../api.js"
import { byId, h, setText } from "../dom.js"
import { decimal, number, percent, since, t } from "../words.js"
import { every, keepFilled } from "./every.js"
import { bytes, entry, mark, moment, pair, renew } from "./pieces.js"

const REFRESH_S = 3
const LATE_S = 60
let stop = null

export function open() {
  stop?.()
  stop = every(REFRESH_S, () => keepFilled(byId("work-body"), () => ask("system"), draw))
}

export function close() {
  stop?.()
}

const ofKind = (system, kind) => (system.queues ?? []).filter((queue) => queue.kind === kind)
const sum = (rows, field) => rows.reduce((total, row) => total + (row[field] ?? 0), 0)
export const parkedIn = (system) => sum(ofKind(system, "parked"), "ready")

function draw(system) {
  const { workers, spool, queues } = system
  const waiting = sum(ofKind(system, "live"), "ready") + sum(ofKind(system, "retry"), "ready")
  setText(byId("work-said"), said(system, waiting))
  const again = sum(ofKind(system, "reclassify"), "ready")
  byId("work-numbers").replaceChildren(...[
    tile(queues ? number(waiting) : "–", t("work.waiting"), waiting > 0 && !workers.length),
    tile(number(sum(workers, "in_hand")), t("work.in_hand")),
    tile(decimal(system.images_per_s), t("work.rate")),
    again ? tile(number(again), t("work.again")) : null,
    tile(queues ? number(parkedIn(system)) : "–", t("work.parked"), parkedIn(system) > 0),
    tile(number(spool.runs), t("work.spooled"), spool.oldest_s > LATE_S),
  ].filter(Boolean))
  byId("workers-none").hidden = workers.length > 0
  renew(byId("workers-list"), workers.map(worker))
  byId("queues-none").hidden = queues !== null
  byId("queues-rows").replaceChildren(...(queues ?? []).filter((one) => one.kind !== "retry" || one.ready).map(queue)) // pauses are mostly empty
  byId("gateways-none").hidden = spool.gateways.length > 0
  renew(byId("gateways-list"), spool.gateways.map(gateway))
}

function said(system, waiting) {
  if (!system.queues) return t("work.no_broker")
  if (!system.workers.length) return t("work.no_workers")
  if (system.spool.oldest_s > LATE_S) return t("work.late")
  return waiting ? t("work.busy", { count: waiting }) : t("work.calm")
}

const tile = (value, text, bad = false) => h("li", { class: bad ? "bad" : null }, h("b", { text: value }), h("span", { text }))

function worker(one) {
  const signs = [one.demo ? mark("bad", t("models.demo")) : null, mark("good", t("work.rate_of", { rate: decimal(one.images_per_s) }))].filter(Boolean)
  const item = entry(one.worker_id, [h("div", { class: "names" }, h("h3", { text: one.host }), h("p", { text: one.worker_id })), ...signs], [
    pair(t("work.model"), one.model_id),
    pair(t("work.runtime"), [one.runtime, one.device].join(", ")),
    pair(t("work.threads"), number(one.threads)),
    pair(t("work.hand"), number(one.in_hand)),
    pair(t("work.done"), t("work.runs_images", { runs: one.runs, images: one.images })),
    pair(t("work.started"), moment(one.started_at)),
    pair(t("work.seen"), moment(one.seen_at)),
  ])
  if (one.trouble) item.append(h("p", { class: "note", text: one.trouble }))
  return item
}

function queue(one) {
  const known = t(`queue.${one.kind}`)
  return h("tr", {}, h("th", { scope: "row" }, known, h("small", { text: one.name })), h("td", { class: "figure", text: number(one.ready) }),
    h("td", { class: "figure", text: one.unacknowledged === null ? "–" : number(one.unacknowledged) }), h("td", { class: "figure", text: number(one.consumers) }))
}

function gateway(one) {
  const late = one.oldest_s > LATE_S
  const state = one.runs ? mark(late ? "bad" : "busy", t("work.in_spool", { count: one.runs })) : mark("good", t("work.spool_empty"))
  const item = entry(one.gateway_id, [h("div", { class: "names" }, h("h3", { text: one.host }), h("p", { text: one.gateway_id })), state], [
    pair(t("work.spool_used"), t("work.of", { used: bytes(one.bytes), all: bytes(one.limit_bytes), share: percent(one.bytes / (one.limit_bytes || 1)) })),
    pair(t("work.oldest"), one.runs ? t("span.seconds", { value: Math.round(one.oldest_s) }) : null),
    pair(t("work.disk"), t("work.free", { free: bytes(one.disk_free_bytes) })),
    pair(t("work.seen"), since(one.seen_at)),
  ])
  if (one.broken) item.append(h("p", { class: "note", text: t("work.broken", { count: one.broken }) }))
  return item
}
