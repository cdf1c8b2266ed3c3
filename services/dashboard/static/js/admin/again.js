// Stored visits are shown to a model once more: order it, watch it, let it rest.

import { ask, tell } from "../api.js"
import { byId, h, keyed, setText } from "../dom.js"
import { say } from "../runs.js"
import { longDay, percent, since, t } from "../words.js"
import { formDialog, showError } from "./dialogs.js"
import { every, keepFilled } from "./every.js"
import { button } from "./pieces.js"

const REFRESH_S = 4
let [model, cameras, stop] = [null, [], null]

export function start() {
  formDialog(byId("again-dialog"), byId("again-error"), async (form) => {
    const wish = { model_id: model, camera_id: form.elements.camera.value || null }
    for (const name of ["from_day", "to_day"]) wish[name] = form.elements[name].value || null
    await tell("reclassifications", wish)
    say(t("again.ordered"))
    await refresh()
  })
}

export function open() {
  stop?.()
  stop = every(REFRESH_S, refresh)
}

export function close() {
  stop?.()
}

export async function orderFor(modelId, name) {
  model = modelId
  const form = byId("again-form")
  form.reset()
  showError(byId("again-error"), "")
  setText(byId("again-dialog-title"), t("again.with", { name }))
  try {
    cameras = (await ask("cameras")).items
  } catch (error) {
    return say(error.message, { error: true })
  }
  form.elements.camera.replaceChildren(h("option", { value: "", text: t("keys.all_cameras") }), ...cameras.map((camera) => h("option", { value: camera.camera_id, text: camera.name })))
  byId("again-dialog").showModal()
  form.elements.camera.focus()
}

const refresh = () => keepFilled(byId("again-body"), () => ask("reclassifications"), draw)

function draw({ items, waiting }) {
  byId("again-body").hidden = !items.length
  setText(byId("again-waiting"), waiting ? t("again.waiting", { count: waiting }) : "")
  keyed(byId("again-list"), items, (order) => order.id, build, update)
}

function build(order) {
  const names = h("div", { class: "names" }, h("h3", { text: order.model_id }), h("p", { text: selection(order) }))
  const turn = button("", async (element) => {
    element.disabled = true
    try {
      await tell(`reclassifications/${order.id}/${element.dataset.work}`, {})
    } catch (error) {
      say(error.message, { error: true })
    }
    element.disabled = false
    await refresh()
  })
  return h("li", { class: "entry" }, h("div", { class: "entry-head" }, names, h("span", { class: "mark" }, h("i", { "aria-hidden": "true" }), h("span"))),
    h("progress", { "aria-label": t("again.progress", { name: order.model_id }) }), h("p", { class: "small job-says" }), h("div", { class: "entry-tools" }, turn))
}

function update(item, order) {
  const sign = item.querySelector(".mark")
  sign.className = `mark ${{ running: "busy", sent: "good" }[order.state] ?? "none"}`
  setText(sign.lastChild, t(`again.${order.state}`))
  const bar = item.querySelector("progress")
  bar.max = order.total || 1
  bar.value = order.total ? order.sent : 1
  setText(item.querySelector(".job-says"), t("again.sent_of", { sent: order.sent, total: order.total, share: percent(order.total ? order.sent / order.total : 1), since: since(order.started_at) }))
  const turn = item.querySelector(".entry-tools button")
  item.querySelector(".entry-tools").hidden = order.state === "sent"
  turn.dataset.work = order.state === "paused" ? "resume" : "pause"
  setText(turn, t(`again.${turn.dataset.work}`))
}

function selection(order) {
  const words = [order.camera_id ?? t("keys.all_cameras"), order.from_day && t("exports.since", { day: longDay(order.from_day) }), order.to_day && t("exports.until", { day: longDay(order.to_day) })]
  return words.filter(Boolean).join(" · ")
}
