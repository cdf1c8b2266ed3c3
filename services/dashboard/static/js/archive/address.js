// The address bar holds the archive's whole state, so that every view can be shared and the back button works.

import { keepLanguageLinks } from "../address.js"
import { DEFAULT_ORDER, ORDERS } from "./orders.js"

export const FILTERS = ["q", "day", "hour", "from", "to", "camera", "class", "insect", "certainty", "verified", "status", "model"]
const VIEWS = ["wall", "table"]

export function readAddress() {
  const query = new URL(location.href).searchParams
  const filters = {}
  for (const name of FILTERS) if (query.get(name)) filters[name] = query.get(name)
  return {
    filters,
    order: query.get("order") in ORDERS ? query.get("order") : DEFAULT_ORDER,
    view: VIEWS.includes(query.get("view")) ? query.get("view") : "wall",
    run: /^[0-9a-f]{32}$/.test(query.get("run") ?? "") ? query.get("run") : null,
    frame: Number.parseInt(query.get("frame"), 10) || null,
    model: query.get("result"),
  }
}

// The address of a state; what is not the archive's (the language) stays.
export function addressOf(state) {
  const address = new URL(location.href)
  for (const name of [...FILTERS, "order", "view", "run", "frame", "result"]) address.searchParams.delete(name)
  for (const name of FILTERS) if (state.filters[name]) address.searchParams.set(name, state.filters[name])
  if (state.order !== DEFAULT_ORDER) address.searchParams.set("order", state.order)
  if (state.view === "table") address.searchParams.set("view", "table")
  if (state.run) address.searchParams.set("run", state.run)
  if (state.run && state.frame) address.searchParams.set("frame", state.frame)
  if (state.run && state.model) address.searchParams.set("result", state.model)
  address.hash = ""
  return address
}

export function remember(state, { replace = false } = {}) {
  const address = addressOf(state)
  if (address.href !== location.href) history[replace ? "replaceState" : "pushState"]({}, "", address)
  keepLanguageLinks()
}
