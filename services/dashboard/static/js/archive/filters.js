// The filter form: from the state to the form and back. Every change tells the page at once.

import { byId, disc, h } from "../dom.js"
import { start, t } from "../words.js"
import { dayIn, daysBefore, joined, split, zoneOf } from "./zones.js"

const SINGLE = ["q", "hour", "insect", "verified", "status", "model"]
const SEVERAL = ["class", "certainty", "camera"]
const TYPING_MS = 350

let form = null
let cameras = []

const today = () => dayIn(new Date(), zone())
const zone = () => zoneOf(cameras, values("camera"))
const field = (name) => form.elements.namedItem(name)
const values = (name) => [...form.querySelectorAll(`input[name="${name}"]:checked`)].map((box) => box.value).join(",")

export function startFilters(onChange) {
  form = byId("filters")
  byId("filter-classes").replaceChildren(...classGroups())
  let timer = 0
  const tellSoon = (ms) => { clearTimeout(timer); timer = setTimeout(() => onChange(read()), ms) }
  form.addEventListener("submit", (event) => { event.preventDefault(); tellSoon(0) })
  form.addEventListener("input", (event) => {
    if (event.target.name === "period") return
    if (["from_day", "to_day", "from_time", "to_time"].includes(event.target.name)) field("period").value = "span"
    tellSoon(["text", "search"].includes(event.target.type) ? TYPING_MS : 0)
  })
  field("period").addEventListener("change", () => { choosePeriod(field("period").value); tellSoon(0) })
  byId("filter-reset").addEventListener("click", () => { fill({}); onChange({}) })
}

function classGroups() {
  const rows = Object.entries(start.taxonomy).sort(([, a], [, b]) => a.name.localeCompare(b.name))
  return [true, false].map((insect) => h("div", { role: "group", "aria-label": t(insect ? "filter.insects" : "filter.no_insects") },
    ...rows.filter(([, entry]) => entry.insect === insect).map(([label, entry]) =>
      h("label", { class: "tick" }, h("input", { type: "checkbox", name: "class", value: label }), disc(entry), h("span", { text: entry.name })))))
}

export function setCameras(list, chosen) {
  cameras = list
  const ticked = new Set((chosen ?? "").split(","))
  byId("filter-cameras").replaceChildren(...list.map((camera) => h("label", { class: "tick" },
    h("input", { type: "checkbox", name: "camera", value: camera.camera_id, checked: ticked.has(camera.camera_id) }), h("span", { text: camera.name }))))
  byId("filter-cameras").closest("fieldset").hidden = !list.length
}

export function setModels(models) {
  byId("filter-models").replaceChildren(...models.map((model) => h("option", { value: model })))
}

// The presets become days when they are chosen: an address means the same tomorrow.
function choosePeriod(period) {
  const days = { today: [0, 0], yesterday: [1, 1], week: [6, 0], month: [29, 0] }[period]
  if (period === "all") setSpan("", "", "", "")
  else if (days) setSpan(daysBefore(today(), days[0]), "", daysBefore(today(), days[1]), "")
  byId("filter-span").hidden = period !== "span"
  if (period === "span") field("from_day").focus()
}

function setSpan(fromDay, fromTime, toDay, toTime) {
  field("from_day").value = fromDay
  field("from_time").value = fromTime
  field("to_day").value = toDay
  field("to_time").value = toTime
}

function periodOf(from, to) {
  if (!from.day && !to.day) return "all"
  if (from.time || to.time) return "span"
  const known = { today: [0, 0], yesterday: [1, 1], week: [6, 0], month: [29, 0] }
  const same = ([first, last]) => from.day === daysBefore(today(), first) && to.day === daysBefore(today(), last)
  return Object.keys(known).find((period) => same(known[period])) ?? "span"
}

export function fill(filters) {
  for (const name of SINGLE) field(name).value = filters[name] ?? ""
  for (const name of SEVERAL) {
    const chosen = new Set((filters[name] ?? "").split(","))
    for (const box of form.querySelectorAll(`input[name="${name}"]`)) box.checked = chosen.has(box.value)
  }
  const from = split(filters.day ?? filters.from, zone())
  const to = split(filters.day ?? filters.to, zone())
  setSpan(from.day, from.time, to.day, to.time)
  field("period").value = periodOf(from, to)
  byId("filter-span").hidden = field("period").value !== "span"
}

export function read() {
  const filters = {}
  for (const name of SINGLE) if (field(name).value.trim()) filters[name] = field(name).value.trim()
  for (const name of SEVERAL) if (values(name)) filters[name] = values(name)
  const [from, to] = [joined(field("from_day").value, field("from_time").value, zone()), joined(field("to_day").value, field("to_time").value, zone())]
  if (from && from === to && from.length === 10) filters.day = from
  else {
    if (from) filters.from = from
    if (to) filters.to = to
  }
  if (!filters.day) delete filters.hour // an hour is one of a day
  return filters
}
