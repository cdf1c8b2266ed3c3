// Wiring of one day: the picker says which, each part asks for its own numbers, and today is asked again every minute.

import { ask } from "../api.js"
import { byId, setText } from "../dom.js"
import { chosenDay, setDays, shownDay, startPicker } from "../picker.js"
import { fill } from "../states.js"
import { longDay, start, t, taxon } from "../words.js"
import { drawClasses, drawHours } from "./charts.js"
import { podium } from "./podium.js"
import { tiles } from "./tiles.js"
import { showWall, startWall } from "./wall.js"
import { falseAlarms, startWho, whoWas } from "./who.js"

const LOOK_AGAIN_MS = 60_000
const { totals, system } = start.snapshot

async function readSun(day, signal) {
  const answer = await fetch(`/ui/sun?day=${day}`, { signal })
  return answer.ok ? answer.json() : { rise: null, set: null, place: null }
}

const before = (day, days) => {
  const moment = new Date(`${day}T12:00:00Z`)
  moment.setUTCDate(moment.getUTCDate() - days)
  return moment.toISOString().slice(0, 10)
}

function show() {
  const day = shownDay()
  const isToday = day === totals.today
  setText(byId("day-title"), isToday ? `${t("whole_day.today")}, ${longDay(day)}` : longDay(day))
  fill(byId("main"), async (signal) => {
    const [hours, comparison, week, sun] = await Promise.all([
      ask("stats/class-hours", { day }, { signal }),
      ask("stats/comparison", { day }, { signal }),
      ask("stats/days", { from: before(day, 7), to: before(day, 1) }, { signal }),
      readSun(day, signal),
    ])
    return { hours, comparison, week, sun }
  }, (answers) => draw(day, isToday, answers))
  showWall(day)
}

function draw(day, isToday, { hours, comparison, week, sun }) {
  const rows = hours.classes.map((row) => ({ ...row, count: row.runs.reduce((sum, count) => sum + count, 0), entry: taxon(row.label) }))
    .sort((a, b) => b.count - a.count || (a.label < b.label ? -1 : 1))
  const insects = rows.filter((row) => row.is_insect)
  const total = insects.reduce((sum, row) => sum + row.count, 0)
  const blank = byId("day-blank")
  blank.hidden = rows.length > 0
  setText(blank, t(isToday ? "whole_day.empty_today" : "whole_day.empty"))
  byId("day-body").hidden = rows.length === 0
  tiles(byId("tiles"), { total, groups: insects.length, comparison, week, sun, wrong: rows.reduce((sum, row) => sum + row.count, 0) - total })
  if (!rows.length) return
  podium(byId("podium"), insects.slice(0, 3), total, day)
  drawHours(byId("hours-chart"), { day, rows, sun })
  drawClasses(byId("classes-chart"), { day, insects, total })
  whoWas(insects, day)
  falseAlarms(rows.filter((row) => !row.is_insect))
}

setDays(totals)
byId("demo").hidden = !system.demo
startWho()
startWall()
startPicker(show)
show()
setInterval(() => { if (chosenDay() === null && !document.hidden) show() }, LOOK_AGAIN_MS)
