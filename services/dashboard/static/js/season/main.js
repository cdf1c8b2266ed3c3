// Wiring of a season: the year stands in the address; each year's numbers are asked for once.

import { inAddress, keepLanguageLinks, remember } from "../address.js"
import { ask } from "../api.js"
import { byId, h, setText } from "../dom.js"
import { fill } from "../states.js"
import { lang, number, shortDay, start, t, taxon } from "../words.js"
import { drawCalendar } from "./calendar.js"
import { drawHeat } from "./heat.js"
import { drawLines } from "./lines.js"
import { drawDurations, drawPhenology, drawUptime } from "./ranges.js"

const UPTIME_DAYS = 90
const { totals, cameras, system } = start.snapshot
const years = [...new Set([totals.today.slice(0, 4), ...totals.days.map(([day]) => day.slice(0, 4))])].sort().reverse()
let year = years.includes(start.year) ? start.year : years[0]

// From the first day with a visit to the last there can be.
function span() {
  const days = totals.days.filter(([day, count]) => day.startsWith(year) && count).map(([day]) => day)
  return { from: days.at(-1) ?? `${year}-01-01`, to: year === totals.today.slice(0, 4) ? totals.today : days[0] ?? `${year}-12-31` }
}

function uptimeSpan(to) {
  const first = new Date(`${to}T12:00:00Z`)
  first.setUTCDate(first.getUTCDate() - UPTIME_DAYS + 1)
  return { from: first.toISOString().slice(0, 10), to }
}

function show() {
  setText(byId("season-title"), t("season.year", { year: String(year) }))
  byId("years").value = year
  const days = span()
  fill(byId("season-part"), async (signal) => {
    const names = ["class-days", "class-hours", "durations", "days"]
    const answers = await Promise.all([...names.map((name) => ask(`stats/${name}`, days, { signal })), ask("stats/uptime", uptimeSpan(days.to), { signal })])
    const [classDays, classHours, durations, daily, uptime] = answers
    return { classDays, classHours, durations, daily, uptime }
  }, (answers) => draw(days, answers))
}

const insectsOf = (answer) => answer.classes.filter((row) => row.is_insect).map((row) => ({ ...row, entry: taxon(row.label) }))

function draw(days, { classDays, classHours, durations, daily, uptime }) {
  const classes = insectsOf(classDays).map((row) => ({ ...row, count: Object.values(row.days).reduce((sum, count) => sum + count, 0) }))
    .sort((a, b) => b.count - a.count || (a.label < b.label ? -1 : 1))
  byId("blank").hidden = classes.length > 0
  byId("charts").hidden = !classes.length
  const seen = daily.days.filter((day) => day.insects)
  const best = seen.reduce((most, day) => (day.insects > (most?.insects ?? 0) ? day : most), null)
  const tiles = [
    [number(seen.reduce((sum, day) => sum + day.insects, 0)), t("season.total")],
    [number(seen.length), t("season.days")],
    [number(classes.length), t("season.groups")],
  ]
  if (best) tiles.push([shortDay(best.day), t("season.busiest", { visits: t("season.count", { count: best.insects }) })])
  byId("tiles").replaceChildren(...tiles.map(([value, text]) => h("div", {}, h("dd", { text: value }), h("dt", { text }))))
  if (!classes.length) return
  const name = `krabbel-${year}-${lang}`
  drawLines(byId("lines"), classes, days, name)
  drawCalendar(byId("calendar"), daily.days, best, name)
  drawHeat(byId("heat"), insectsOf(classHours), classes, name)
  drawPhenology(byId("phenology"), classes, days, name)
  drawDurations(byId("durations"), insectsOf(durations), name)
  drawUptime(byId("uptime"), uptime.cameras, cameras.cameras, UPTIME_DAYS, name)
}

byId("demo").hidden = !system.demo
byId("years").replaceChildren(...years.map((one) => h("option", { value: one, text: one })))
byId("years").addEventListener("change", ({ target }) => {
  year = target.value
  remember({ year })
  show()
})
addEventListener("popstate", () => { year = inAddress("year") ?? years[0]; keepLanguageLinks(); show() })
show()
