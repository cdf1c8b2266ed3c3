// The day at a glance: how many, against the day before and the week, and when the sun was up.

import { h } from "../dom.js"
import { number, percent, t, timeOf } from "../words.js"

export function tiles(list, { total, groups, comparison, week, sun, wrong }) {
  const before = comparison.day_before?.insects ?? null
  const days = week.days.filter((day) => day.runs > 0) // a day without any run says more about the camera than about insects
  const mean = days.length ? days.reduce((sum, day) => sum + day.insects, 0) / days.length : null
  const rows = [
    [number(total), t("tile.visits")],
    [change(total, before), before === null ? t("tile.no_comparison") : t("tile.day_before", { count: before })],
    [change(total, mean), mean === null ? t("tile.no_comparison") : t("tile.week", { mean: number(Math.round(mean * 10) / 10) })],
    [number(groups), t("tile.groups")],
    [number(wrong), t("tile.false")],
  ]
  if (sun.rise !== null) rows.push([`${timeOf(sun.rise)}–${timeOf(sun.set)}`, t("tile.sun", { place: sun.place })])
  list.replaceChildren(...rows.map(([value, text]) => h("div", {}, h("dd", { text: value }), h("dt", { text }))))
}

function change(now, then) {
  if (!then) return t("whole_day.not_known")
  const share = now / then - 1
  if (Math.abs(share) < 0.005) return t("tile.same")
  return `${share > 0 ? "+" : "−"}${percent(Math.abs(share))}`
}
