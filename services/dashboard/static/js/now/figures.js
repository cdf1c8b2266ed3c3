// The counts of the day that is: the three most frequent guests, the share of each class, the table beside the chart.

import { byId, disc, h, keyed, name, setText } from "../dom.js"
import { lang, longDay, number, percent, start, t, taxon } from "../words.js"

const ROWS = 9

export function setDay(figures) {
  setText(byId("day-title"), `${t("day.today")}, ${longDay(figures.day)}`)
  const insects = (figures.classes ?? []).filter(([label]) => taxon(label).insect)
  const total = insects.reduce((sum, [, count]) => sum + count, 0)
  const whole = byId("whole-day")
  whole.hidden = !start.pages.day
  whole.href = `${start.pages.day}?lang=${lang}`
  const blank = byId("day-blank")
  blank.hidden = figures.loaded && total > 0
  setText(blank, t(figures.loaded ? "day.empty_today" : "day.loading"))
  byId("day-body").classList.toggle("bare", !blank.hidden)
  if (!figures.loaded) return
  podium(insects.slice(0, 3), total, figures.faces)
  shares(insects, total)
  hours(figures.hours)
  falseAlarms(figures.classes.filter(([label]) => !taxon(label).insect))
}

function podium(rows, total, faces) {
  keyed(byId("podium"), rows, ([label]) => label, ([label]) => {
    const entry = taxon(label)
    return h("li", { class: "guest" },
      h("div", { class: "portrait" }, h("img", { alt: "", decoding: "async" }), disc(entry)),
      h("div", {},
        h("p", { class: "rank" }),
        h("p", { class: "who" }, name(entry.name)),
        h("p", { class: "sci", lang: "la", text: entry.sci }),
        h("p", { class: "visits" })))
  }, (item, [label, count]) => {
    const rank = [...rows.keys()].find((at) => rows[at][0] === label) + 1
    const image = item.querySelector("img")
    const face = faces[label]
    image.hidden = !face
    if (face && image.getAttribute("src") !== face) image.setAttribute("src", face)
    setText(item.querySelector(".rank"), t("day.rank", { rank }))
    setText(item.querySelector(".visits"), `${t("day.visits", { count })} · ${percent(count / total)}`)
  })
}

function shares(insects, total) {
  setText(byId("shares-text"), insects.length ? t("shares.text", { count: insects.length }) : "")
  const rows = insects.slice(0, ROWS).map(([label, count]) => ({ key: label, entry: taxon(label), count }))
  const rest = insects.slice(ROWS).reduce((sum, [, count]) => sum + count, 0)
  if (rest) rows.push({ key: "", entry: { name: t("shares.rest"), icon: "", color: "#9aa39a" }, count: rest })
  const most = insects[0]?.[1] ?? 1
  keyed(byId("shares").tBodies[0], rows, (row) => row.key, (row) => {
    const bar = h("i", { class: "bar", "aria-hidden": "true" })
    bar.style.setProperty("--color", row.entry.color)
    return h("tr", {},
      h("th", { scope: "row" }, row.entry.icon ? disc(row.entry) : h("span", { class: "disc plain" }), h("span", { class: "label" }, h("span", { text: row.entry.name }), row.key ? bar : null)),
      h("td", { class: "count" }), h("td", { class: "share" }))
  }, (item, row) => {
    item.querySelector(".bar")?.style.setProperty("--part", (row.count / most).toFixed(4))
    setText(item.querySelector(".count"), number(row.count))
    setText(item.querySelector(".share"), percent(row.count / total))
  })
}

const clockHour = (hour) => String(hour % 24).padStart(2, "0")
const span = (hour) => (document.documentElement.lang === "de" ? [String(hour), String(hour + 1)] : [`${clockHour(hour)}:00`, `${clockHour(hour + 1)}:00`])

function hours(counts) {
  const most = counts.reduce((best, [insects], hour) => (insects > counts[best][0] ? hour : best), 0)
  const [from, to] = span(most)
  setText(byId("hours-text"), counts[most][0] ? t("hours.text", { from, to, visits: t("day.visits", { count: counts[most][0] }) }) : t("hours.empty"))
  keyed(byId("hours-table").tBodies[0], counts.map((pair, hour) => [hour, ...pair]), ([hour]) => hour,
    ([hour]) => h("tr", {}, h("th", { scope: "row", text: `${clockHour(hour)}:00` }), h("td"), h("td")),
    (row, [, insects, runs]) => {
      setText(row.cells[1], number(insects))
      setText(row.cells[2], number(runs))
    })
}

function falseAlarms(rows) {
  const list = byId("false-alarms")
  if (!rows.length) return list.replaceChildren(h("li", { class: "quiet", text: t("false.none") }))
  list.querySelector(".quiet")?.remove()
  return keyed(list, rows, ([label]) => label,
    ([label]) => h("li", {}, disc(taxon(label)), h("span", { text: taxon(label).name }), h("b")),
    (item, [, count]) => setText(item.querySelector("b"), number(count)))
}
