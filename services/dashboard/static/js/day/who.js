// The hour slider: who was about; and the false alarms of the day.

import { byId, disc, h, keyed, setText } from "../dom.js"
import { hourText, number, t } from "../words.js"

let rows = []
let moved = false

export function startWho() {
  byId("who-hour").addEventListener("input", () => { moved = true; draw() })
}

export function whoWas(insects) {
  rows = insects
  if (!moved) {
    const sums = [...Array(24).keys()].map((hour) => rows.reduce((sum, row) => sum + row.runs[hour], 0))
    byId("who-hour").value = String(sums.indexOf(Math.max(...sums)))
  }
  draw()
}

function draw() {
  const hour = Number(byId("who-hour").value)
  const text = t("who.hour", { from: hourText(hour), to: hourText(hour + 1) })
  setText(byId("who-label"), text)
  byId("who-hour").setAttribute("aria-valuetext", text)
  const there = rows.filter((row) => row.runs[hour]).sort((a, b) => b.runs[hour] - a.runs[hour])
  chips(byId("who-list"), there.map((row) => [row, row.runs[hour]]), t("who.nobody"))
}

export function falseAlarms(wrong) {
  chips(byId("false-alarms"), wrong.map((row) => [row, row.count]), t("day_false.none"))
}

function chips(list, counted, nobody) {
  if (!counted.length) return list.replaceChildren(h("li", { class: "quiet", text: nobody }))
  list.querySelector(".quiet")?.remove()
  return keyed(list, counted, ([row]) => row.label,
    ([row]) => h("li", {}, disc(row.entry), h("span", { text: row.entry.name }), h("b")),
    (item, [, count]) => setText(item.querySelector("b"), number(count)))
}
