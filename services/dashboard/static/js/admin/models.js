// Models: which there are, which one names the visitors, and another one if wanted.

import { ask, tell } from "../api.js"
import { byId, h } from "../dom.js"
import { say } from "../runs.js"
import { fill } from "../states.js"
import { number, t, taxon } from "../words.js"
import * as again from "./again.js"
import { sure } from "./dialogs.js"
import { button, bytes, entry, mark, moment, pair, renew } from "./pieces.js"

const SHOWN = ["name", "version", "file", "sha256", "bytes", "imgsz"] // above, or of no use here

export function start() {
  again.start()
}

export function open() {
  again.open()
  return refresh()
}

export function close() {
  again.close()
}

const refresh = () => fill(byId("models-body"), (signal) => ask("models", {}, { signal }), draw)

function draw({ items, active }) {
  byId("models-none").hidden = items.length > 0
  const rows = items.map((model) => row(model))
  if (items.length && active) rows.push(defaultRow())
  renew(byId("models-list"), rows)
}

function row(model) {
  const named = model.classes.filter((label) => !model.unknown_classes?.includes(label))
  const flags = [model.active ? mark("good", t("models.active")) : null, model.demo ? mark("bad", t("models.demo")) : null].filter(Boolean)
  const item = entry(model.model_id, [h("div", { class: "names" }, h("h3", { text: model.name }), h("p", { text: t("models.version", { version: model.version }) })), ...flags], [
    pair(t("models.workers"), model.workers === undefined ? null : number(model.workers)),
    pair(t("models.classes"), number(model.classes.length)),
    pair(t("models.input"), t("models.pixels", { size: model.image_size })),
    pair(t("models.format"), t("models.file", { format: model.format, size: bytes(model.byte_size) })),
    pair(t("models.added"), moment(model.added_at)),
  ])
  item.append(card(model, named))
  item.append(h("div", { class: "entry-tools" },
    ...(model.active ? [] : [button(t("models.activate"), () => activate(model.model_id, model.name, model.demo), { label: `${t("models.activate")}: ${model.model_id}` })]),
    button(t("again.order"), () => again.orderFor(model.model_id, model.name), { label: `${t("again.order")}: ${model.model_id}` })))
  return item
}

// What the model says of itself, as it came with the file; and what it can tell apart.
function card(model, named) {
  const given = Object.entries(model.card ?? {}).filter(([word, value]) => !SHOWN.includes(word) && ["string", "number"].includes(typeof value))
  const facts = given.map(([word, value]) => pair(t(`card_word.${word}`).replace("card_word.", "").replaceAll("_", " "), typeof value === "number" ? number(value, { maximumFractionDigits: 4 }) : value))
  const unknown = model.unknown_classes ?? []
  return h("details", {}, h("summary", { text: t("models.card") }),
    h("dl", { class: "facts" }, ...facts, pair(t("models.sha"), h("span", { class: "code", text: model.sha256 }))),
    h("p", { class: "small", text: named.map((label) => taxon(label).name).join(", ") }),
    unknown.length ? h("p", { class: "note", text: t("models.unknown", { count: unknown.length, names: unknown.join(", ") }) }) : null)
}

function defaultRow() {
  return entry("default", [h("div", { class: "names" }, h("h3", { text: t("models.default") }), h("p", { text: t("models.default_hint") }))], [],
    [button(t("models.activate"), () => activate("default", t("models.default"), false), { label: `${t("models.activate")}: ${t("models.default")}` })])
}

async function activate(id, name, demo) {
  const text = t("models.sure_text") + (demo ? ` ${t("models.sure_demo")}` : "")
  if (!(await sure(t("models.sure", { name }), text, t("models.activate")))) return
  try {
    await tell(`models/${encodeURIComponent(id)}/activate`, {})
    say(t("models.activated", { name }))
  } catch (error) {
    say(error.message, { error: true })
  }
  refresh()
}
