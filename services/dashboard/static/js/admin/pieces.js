// What all sections are built of: a pair of a word and a value, a moment, a button, an amount of bytes, an entry.

import { h } from "../dom.js"
import { exact, number, since, t } from "../words.js"

export const pair = (word, value) => (value === null || value === undefined || value === "" ? null
  : h("div", {}, h("dt", { text: word }), typeof value === "object" ? h("dd", {}, value) : h("dd", { text: value })))

export const moment = (at) => (at ? h("time", { datetime: at, title: exact(at), text: since(at) }) : null)

export function button(text, work, { chief = false, label = null } = {}) {
  const element = h("button", { type: "button", class: `button${chief ? " chief" : ""}`, text, "aria-label": label })
  element.addEventListener("click", () => work(element))
  return element
}

export const mark = (state, text) => h("span", { class: `mark ${state}` }, h("i", { "aria-hidden": "true" }), h("span", { text }))

export function entry(id, head, pairs, tools = []) {
  return h("li", { class: "entry", "data-id": id }, h("div", { class: "entry-head" }, ...head),
    h("dl", { class: "pairs" }, ...pairs.filter(Boolean)),
    tools.length ? h("div", { class: "entry-tools" }, ...tools) : null)
}

const UNITS = ["B", "kB", "MB", "GB", "TB"]

export function bytes(value) {
  if (value === null || value === undefined) return t("admin.unknown")
  const step = Math.min(UNITS.length - 1, value ? Math.floor(Math.log10(value) / 3) : 0)
  const amount = value / 1000 ** step
  return `${number(amount, { maximumFractionDigits: amount < 10 && step ? 1 : 0 })} ${UNITS[step]}`
}

// Puts fresh entries into a list; who was on a button by keyboard stays on it.
export function renew(list, entries) {
  const focused = document.activeElement
  const id = list.contains(focused) ? focused.closest("[data-id]")?.dataset.id : null
  const at = id ? [...focused.closest("[data-id]").querySelectorAll("button, a, summary")].indexOf(focused) : -1
  const open = new Set([...list.querySelectorAll("details[open]")].map((part) => part.closest("[data-id]").dataset.id))
  list.replaceChildren(...entries)
  for (const item of list.children) {
    if (open.has(item.dataset.id)) item.querySelector("details")?.setAttribute("open", "")
    if (item.dataset.id === id) item.querySelectorAll("button, a, summary")[at]?.focus({ preventScroll: true })
  }
}
