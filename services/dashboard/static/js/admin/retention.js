// How long pictures are kept. What the rules in the form would take away is said before they are saved.

import { ask, tell } from "../api.js"
import { byId, h, setText } from "../dom.js"
import { say } from "../runs.js"
import { fill } from "../states.js"
import { number, since, start as boot, t, taxon } from "../words.js"
import { showError, sure } from "./dialogs.js"
import { bytes } from "./pieces.js"

const DAYS = ["false_sightings_days", "insects_days", "keep_best_picture_days"]
const GIGABYTES = ["max_bytes", "min_free_bytes"]
const GB = 1e9
const TYPING_MS = 600

let form = null
let saved = null
let turn = 0

export function startRules() {
  form = byId("retention-form")
  const classes = Object.entries(boot.taxonomy).sort(([, a], [, b]) => a.name.localeCompare(b.name))
  byId("class-rules-add").append(...classes.map(([label, entry]) => h("option", { value: label, text: entry.name })))
  byId("class-rules-add").addEventListener("change", (event) => {
    const label = event.target.value
    event.target.value = ""
    if (!label || form.querySelector(`[data-label="${CSS.escape(label)}"]`)) return
    const row = classRule(label, null)
    byId("class-rules-list").append(row)
    row.querySelector("input").focus()
    changed()
  })
  let timer = 0
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(changed, TYPING_MS) })
  form.addEventListener("submit", (event) => { event.preventDefault(); save() })
}

export const openRules = () => fill(form, (signal) => ask("retention", {}, { signal }), show)

function show(state) {
  saved = state.rules
  for (const radio of form.querySelectorAll("[name=mode]")) radio.checked = radio.value === saved.mode
  for (const name of DAYS) form.elements[name].value = saved[name] ?? ""
  for (const name of GIGABYTES) form.elements[name].value = saved[name] === null ? "" : number(saved[name] / GB, { maximumFractionDigits: 3, useGrouping: false })
  form.elements.keep_thumbnails.checked = saved.keep_thumbnails
  byId("class-rules-list").replaceChildren(...Object.entries(saved.class_days).map(([label, days]) => classRule(label, days)))
  last(state)
  forecast(state)
  settle()
}

function classRule(label, days) {
  const name = taxon(label).name
  const away = h("button", { type: "button", class: "button", "aria-label": t("keep.class_remove", { name }), text: "×" })
  const row = h("li", { class: "rule", "data-label": label }, h("span", { text: name }), h("span", { class: "amount" },
    h("input", { inputmode: "numeric", autocomplete: "off", placeholder: t("keep.never"), "aria-label": t("keep.class_days", { name }), value: days ?? "" }), h("span", { text: t("keep.days") })), away)
  away.addEventListener("click", () => { row.remove(); changed() })
  return row
}

function wholeDays(text) {
  if (!text.trim()) return null
  const days = Number(text.trim())
  if (!Number.isInteger(days) || days < 1 || days > 36500) throw new Error(t("keep.days_wrong"))
  return days
}

function amount(text) {
  if (!text.trim()) return null
  const value = Number(text.trim().replace(",", "."))
  if (!(value > 0)) throw new Error(t("keep.bytes_wrong"))
  return Math.round(value * GB)
}

function rules() {
  const given = { mode: form.querySelector("[name=mode]:checked").value, keep_thumbnails: form.elements.keep_thumbnails.checked }
  for (const name of DAYS) given[name] = wholeDays(form.elements[name].value)
  for (const name of GIGABYTES) given[name] = amount(form.elements[name].value)
  given.class_days = Object.fromEntries([...byId("class-rules-list").children].map((row) => [row.dataset.label, wholeDays(row.querySelector("input").value)]))
  return given
}

const plain = (given) => JSON.stringify(Object.entries({ ...given, class_days: Object.entries(given.class_days).sort() }).sort())

function settle() {
  if (!saved) return
  let same = true
  try {
    same = plain(rules()) === plain(saved)
  } catch {
    same = false
  }
  byId("retention-save").disabled = same
  const count = byId("class-rules-list").children.length
  byId("class-rules-count").hidden = !count
  setText(byId("class-rules-count"), String(count))
}

// Asks what would go by the rules in the form, and keeps nothing.
async function changed() {
  if (!saved) return
  settle()
  const mine = (turn += 1)
  try {
    const given = rules()
    showError(byId("retention-error"), "")
    byId("retention-forecast").setAttribute("aria-busy", "true")
    const state = await tell("retention?dry_run=true", given, "PUT")
    if (mine === turn) forecast(state)
  } catch (error) {
    if (mine === turn) showError(byId("retention-error"), error.message)
  }
  if (mine === turn) byId("retention-forecast").removeAttribute("aria-busy")
}

function forecast({ would_go: would, rules: given }) {
  const counts = would.counts.filter((one) => one.runs > 0)
  const whole = t(would.complete ? "keep.would" : "keep.would_at_least", { count: would.runs, pictures: would.pictures, size: bytes(would.byte_size) })
  const mode = t({ off: "keep.now_off", "dry-run": "keep.now_dry", on: "keep.now_on" }[given.mode])
  const space = given.max_bytes || given.min_free_bytes ? h("p", { class: "small", text: t("keep.space_later") }) : null
  byId("retention-forecast").replaceChildren(
    h("p", {}, h("b", { text: would.runs ? whole : t("keep.would_nothing") }), ` ${mode}`),
    ...(counts.length > 1 || would.runs ? [h("ul", {}, ...counts.map((one) => h("li", { text: `${t(`keep_rule.${one.rule}`)}: ${t("keep.part", { count: one.runs, size: bytes(one.byte_size) })}` })))] : []),
    ...(space ? [space] : []))
}

function last({ last_sweep: sweep, changed_at: at }) {
  const words = []
  if (sweep) words.push(t(sweep.mode === "on" ? "keep.swept" : "keep.counted", { since: since(sweep.at), pictures: sweep.pictures, size: bytes(sweep.byte_size) }))
  if (at) words.push(t("keep.changed", { since: since(at) }))
  setText(byId("retention-last"), words.join(" "))
}

async function save() {
  try {
    const given = rules()
    if (given.mode === "on") {
      const { would_go: would } = await tell("retention?dry_run=true", given, "PUT")
      const text = would.runs ? t("keep.sure_text", { count: would.runs, pictures: would.pictures, size: bytes(would.byte_size) }) : t("keep.sure_later")
      if (!(await sure(t("keep.sure"), text, t("keep.sure_yes")))) return
    }
    show(await tell("retention", given, "PUT"))
    showError(byId("retention-error"), "")
    say(t("keep.saved"))
  } catch (error) {
    showError(byId("retention-error"), error.message)
  }
}
