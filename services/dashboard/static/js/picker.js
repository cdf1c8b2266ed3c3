// The day picker. The address holds the day, so that a page can be shared and the back button works.

import { keepLanguageLinks, remember, inAddress } from "./address.js"
import { byId, h, keyed, setText } from "./dom.js"
import { shortDay, start, t } from "./words.js"

let chosen = start.day // null: always today
let days = []
let today = null
let tell = () => {}

export const chosenDay = () => chosen
export const shownDay = () => chosen ?? today

export function setDays(totals) {
  today = totals.today
  days = totals.days
  if (!days.some(([day]) => day === shownDay())) days = [...days, [shownDay(), 0]].sort((a, b) => (a[0] < b[0] ? 1 : -1))
  draw()
}

function draw() {
  const select = byId("days")
  keyed(select, days, ([day]) => day, ([day]) => h("option", { value: day }), (option, [day, count]) => {
    setText(option, t("picker.option", { day: day === today ? t("picker.today") : shortDay(day), count }))
  })
  select.value = shownDay()
  const at = days.findIndex(([day]) => day === shownDay())
  byId("earlier").disabled = at >= days.length - 1
  byId("later").disabled = at <= 0
}

// A chosen day begins on its first page of pictures; the hour stays, so that days can be compared.
function choose(day, { write = true } = {}) {
  chosen = day === today ? null : day
  if (write) remember({ day: chosen, page: null })
  else keepLanguageLinks()
  draw()
  tell()
}

export function startPicker(onChoice) {
  tell = onChoice
  const step = (by) => choose(days[days.findIndex(([day]) => day === shownDay()) + by][0])
  byId("days").addEventListener("change", (event) => choose(event.target.value))
  byId("earlier").addEventListener("click", () => step(1))
  byId("later").addEventListener("click", () => step(-1))
  byId("busiest")?.addEventListener("click", () => choose(days.reduce((best, row) => (row[1] > best[1] ? row : best))[0]))
  byId("picker").addEventListener("submit", (event) => event.preventDefault())
  addEventListener("popstate", () => choose(inAddress("day") ?? today, { write: false }))
}
