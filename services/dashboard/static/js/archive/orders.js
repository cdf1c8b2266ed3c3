// The orders of the list: a select for all, and the table's headers for theirs. A header sorts; once more turns it round.

import { byId } from "../dom.js"

// Each order: the column it sorts, and how. The first of a column is the one that a click begins with.
export const ORDERS = {
  newest: ["when", "descending"], oldest: ["when", "ascending"],
  most_certain: ["certainty", "descending"], least_certain: ["certainty", "ascending"],
  longest: ["duration", "descending"], shortest: ["duration", "ascending"],
  most_images: ["pictures", "descending"], fewest_images: ["pictures", "ascending"],
}
export const DEFAULT_ORDER = "newest"
const JUDGED = new Set(["certainty", "pictures"]) // these orders have only runs with a result (services/query/run_order.py)

const headers = () => document.querySelectorAll("#runs-table th[data-sort]")
const ofColumn = (column) => Object.keys(ORDERS).filter((order) => ORDERS[order][0] === column)

export function startOrders(choose) {
  byId("order").addEventListener("change", (event) => choose(event.target.value))
  for (const header of headers()) {
    header.querySelector("button").addEventListener("click", () => {
      const [first, second] = ofColumn(header.dataset.sort)
      choose(byId("order").value === first ? second : first)
    })
  }
}

export function drawOrder(order) {
  byId("order").value = order
  const [column, direction] = ORDERS[order]
  for (const header of headers()) {
    if (header.dataset.sort === column) header.setAttribute("aria-sort", direction)
    else header.removeAttribute("aria-sort")
  }
  byId("order-note").hidden = !JUDGED.has(column)
}
