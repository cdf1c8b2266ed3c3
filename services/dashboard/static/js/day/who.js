// The hour slider: who was about, in numbers and in pictures; and the false alarms of the day. The address holds the hour.

import { inAddress, remember } from "../address.js"
import { ask } from "../api.js"
import { byId, disc, h, keyed, setText } from "../dom.js"
import { fill } from "../states.js"
import { hourText, lang, number, start, t } from "../words.js"
import { visitCard } from "./wall.js"

const PICTURES = 12
const SLIDING_MS = 180
let rows = []
let shown = { day: null, hour: null, count: null }
let timer = 0

const asked = () => (/^([01]?\d|2[0-3])$/.test(inAddress("hour") ?? "") ? Number(inAddress("hour")) : null)

export function startWho() {
  byId("who-hour").addEventListener("input", () => {
    draw()
    clearTimeout(timer)
    timer = setTimeout(() => { remember({ hour: byId("who-hour").value }, { replace: true }); pictures() }, SLIDING_MS)
  })
}

// Without an hour in the address: the liveliest one.
export function whoWas(insects, day) {
  rows = insects
  const sums = [...Array(24).keys()].map((hour) => rows.reduce((sum, row) => sum + row.runs[hour], 0))
  byId("who-hour").value = String(asked() ?? sums.indexOf(Math.max(...sums)))
  draw()
  pictures(day)
}

function draw() {
  const hour = Number(byId("who-hour").value)
  const text = t("who.hour", { from: hourText(hour), to: hourText(hour + 1) })
  setText(byId("who-label"), text)
  byId("who-hour").setAttribute("aria-valuetext", text)
  const there = rows.filter((row) => row.runs[hour]).sort((a, b) => b.runs[hour] - a.runs[hour])
  chips(byId("who-list"), there.map((row) => [row, row.runs[hour]]), t("who.nobody"))
}

// The hour's newest visits, asked for anew only where something changed.
function pictures(day = shown.day) {
  const hour = Number(byId("who-hour").value)
  const count = rows.reduce((sum, row) => sum + row.runs[hour], 0)
  if (day === shown.day && hour === shown.hour && count === shown.count) return
  shown = { day, hour, count }
  const more = byId("who-more")
  more.hidden = !count || !start.pages.archive
  more.href = `${start.pages.archive}?lang=${lang}&day=${day}&hour=${hour}&insect=true`
  setText(more, t("who.more", { count }))
  const list = byId("who-pictures")
  if (!count) return list.replaceChildren()
  fill(byId("who-seen"), (signal) => ask("runs", { day, hour, insect: true, limit: PICTURES }, { signal }), ({ items }) => {
    keyed(list, items, (run) => run.run_id, visitCard, () => {})
  })
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
