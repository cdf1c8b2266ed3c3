// The filters in force, in words, each with a button that takes it away.

import { byId, h, setText } from "../dom.js"
import { clock, hourText, shortDay, t, taxon } from "../words.js"
import { FILTERS } from "./address.js"

export function drawChips(filters, cameras, onChange) {
  const chips = FILTERS.flatMap((name) => parts(name, filters[name]).map((value) => ({ name, value })))
  byId("applied").replaceChildren(...chips.map(({ name, value }) => {
    const text = wording(name, value, cameras)
    const button = h("button", { type: "button", class: "chip", "aria-label": t("filter.remove", { name: text }) },
      h("span", { text }), h("i", { "aria-hidden": "true", text: "×" }))
    button.addEventListener("click", () => onChange(without(filters, name, value)))
    return h("li", {}, button)
  }))
  const count = byId("filters-count")
  count.hidden = !chips.length
  setText(count, String(chips.length))
  byId("filter-reset").disabled = !chips.length
}

const SEVERAL = new Set(["camera", "class", "certainty", "status", "model"])
const parts = (name, value) => (value ? (SEVERAL.has(name) ? value.split(",") : [value]) : [])

function without(filters, name, value) {
  const left = parts(name, filters[name]).filter((part) => part !== value).join(",")
  const changed = { ...filters, [name]: left }
  if (!left) delete changed[name]
  if (!changed.day) delete changed.hour // an hour is one of a day
  return changed
}

const moment = (value) => (value.length === 10 ? shortDay(value) : clock(value))

function wording(name, value, cameras) {
  const camera = cameras.find(({ camera_id: id }) => id === value)
  return {
    q: () => `„${value}“`,
    day: () => shortDay(value),
    hour: () => t("filter.chip_hour", { from: hourText(Number(value)), to: hourText(Number(value) + 1) }),
    from: () => t("filter.chip_from", { moment: moment(value) }),
    to: () => t("filter.chip_to", { moment: moment(value) }),
    camera: () => camera?.name ?? value,
    class: () => taxon(value).name,
    insect: () => t(value === "true" ? "filter.insects" : "filter.no_insects"),
    certainty: () => t(`certainty.${value}`),
    verified: () => t(value === "true" ? "filter.verified" : "filter.unverified"),
    status: () => t(`state.${value}`),
    model: () => value,
  }[name]()
}
