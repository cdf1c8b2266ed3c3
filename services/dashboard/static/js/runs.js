// What pages say of a run, each in one place: its name and its state.

import { byId, disc, h, name, setText } from "./dom.js"
import { labelOf } from "./thumbnails.js"
import { percent, t, taxon } from "./words.js"

export { bestOf, labelOf, pictureOf, showThumbnail, thumbnail } from "./thumbnails.js"

export function stateOf(run) {
  const label = labelOf(run)
  if (label) return taxon(label).insect ? "named" : "none"
  return run.status === "failed" ? "failed" : "pending"
}

export const titleOf = (run) => (labelOf(run) ? taxon(labelOf(run)).name : t(`card.${stateOf(run)}`))

export function certaintyMark(result) {
  return h("span", { class: `sure ${result.certainty}`, title: t(`certainty_title.${result.certainty}`) },
    h("i", { "aria-hidden": "true" }), h("span", { text: t(`certainty.${result.certainty}`) }),
    h("span", { class: "number", text: percent(result.probability_weighted) }))
}

export function checkedMark(verification) {
  const word = t(`checked.${verification.verdict}`)
  return h("span", { class: "checked", title: t("checked.by", { name: verification.verified_by }) }, h("i", { "aria-hidden": "true", text: "✓" }), h("span", { text: word }))
}

// How sure the name is: a person's word, else the machine's certainty, else why there is none.
export function standing(run) {
  if (run.verification) return checkedMark(run.verification)
  if (run.result) return certaintyMark(run.result)
  return h("span", { class: "quiet", text: t(`state.${run.status}`) })
}

export function nameLine(label) {
  const entry = taxon(label)
  return h("span", { class: "name-line" }, disc(entry), name(entry.name))
}

export function seconds(value) {
  if (value < 60) return t("span.seconds", { value: Math.round(value * 10) / 10 })
  if (value < 3600) return t("span.minutes", { minutes: Math.floor(value / 60), seconds: Math.round(value % 60) })
  return t("span.hours", { hours: Math.floor(value / 3600), minutes: Math.round((value % 3600) / 60) })
}

// A short word to everybody, also to a screen reader; an error stays until the next word.
export function say(text, { error = false } = {}) {
  const line = byId("said")
  if (!line) return
  clearTimeout(say.timer)
  line.classList.toggle("error", error)
  setText(line, text)
  line.hidden = !text
  if (!error && text) say.timer = setTimeout(() => { line.hidden = true }, 5000)
}
