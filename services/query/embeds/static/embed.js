// A part of Krabbel in somebody's article: JSON once, then one stream. Every number comes from the server; nothing is
// counted here, so all readers see the same.

import { classChart, dayChart } from "./charts.js"

const query = new URLSearchParams(location.search)
const lang = document.documentElement.lang
const locale = lang === "de" ? "de-DE" : "en-GB"
const words = JSON.parse(document.getElementById("words").textContent)
const main = document.querySelector("main")
const content = document.getElementById("content")
const camera = query.get("camera") ? `?camera=${encodeURIComponent(query.get("camera"))}` : ""
const plural = new Intl.PluralRules(locale)
const whole = new Intl.NumberFormat(locale)
const RETRY_MS = 4000
let board = { counts: null, latest: null }

if (["light", "dark"].includes(query.get("theme"))) document.documentElement.dataset.theme = query.get("theme")

export function t(key, values = {}) {
  let text = words[key] ?? key
  if (typeof text === "object") text = text[plural.select(values.count)] ?? text.other
  return text.replace(/\{(\w+)\}/g, (_, name) => (typeof values[name] === "number" ? whole.format(values[name]) : values[name]))
}

export const name = (kind) => kind[`name_${lang}`]

// An element with attributes and children; texts are never read as HTML.
export function h(tag, attributes = {}, ...children) {
  const made = document.createElement(tag)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}

const dated = (day) => new Intl.DateTimeFormat(locale, { dateStyle: "long", timeZone: "UTC" }).format(new Date(`${day}T12:00:00Z`))
const clock = (visit) =>
  new Intl.DateTimeFormat(locale, { day: "numeric", month: "long", hour: "2-digit", minute: "2-digit", timeZone: visit.timezone }).format(new Date(visit.at))

const widgets = {
  counter({ counts }) {
    const number = h("strong", { id: "number" }, whole.format(counts.insects))
    return [number, h("p", {}, t("insects", { count: counts.insects })), h("p", { class: "small" }, dated(counts.day))]
  },
  latest({ latest }) {
    if (!latest) return [h("p", { class: "quiet" }, t("nobody"))]
    const unsure = latest.certainty === "probable" ? `${t("probable")} ` : ""
    const image = h("img", { src: latest.picture, alt: name(latest), width: 120, height: 120 })
    const text = h("div", {}, h("p", { class: "small" }, unsure), h("strong", { id: "name", lang }, name(latest)))
    text.append(h("p", { class: "sci" }, latest.scientific_name), h("p", { class: "small" }, `${clock(latest)} · ${latest.camera}`))
    return [image, text]
  },
  day({ counts }) {
    return [h("p", { class: "small" }, dated(counts.day)), counts.insects ? dayChart(counts.hours, t, locale) : h("p", { class: "quiet" }, t("quiet"))]
  },
  classes({ counts }) {
    const date = h("p", { class: "small" }, dated(counts.day))
    return counts.classes.length ? [date, classChart(counts.classes, { t, name, whole })] : [date, h("p", { class: "quiet" }, t("quiet"))]
  },
}

function draw() {
  const kind = main.dataset.widget
  content.replaceChildren(...widgets[kind](board))
  document.getElementById("demo").hidden = !(board.latest && board.latest.demo)
  document.getElementById("note").hidden = kind === "latest"
  const shown = kind === "latest" ? board.latest : null
  const credit = shown && shown.credit ? t("photo", { credit: shown.credit }) : ""
  document.getElementById("credit").textContent = [credit, shown ? shown.licence : "", t("source")].filter(Boolean).join(" · ")
  main.setAttribute("aria-busy", "false")
}

async function read() {
  const answer = await fetch(`/embed/data.json${camera}`)
  if (!answer.ok) throw new Error(String(answer.status))
  board = await answer.json()
  draw()
}

function follow() {
  const stream = new EventSource(`/embed/live${camera}`)
  const away = document.getElementById("away")
  let lost = false
  // A browser gives up where an answer was no stream; we do not.
  stream.onerror = () => {
    lost = true
    away.hidden = false
    if (stream.readyState === EventSource.CLOSED) setTimeout(follow, RETRY_MS)
  }
  stream.onopen = () => {
    away.hidden = true
    if (lost) read().catch(() => {})
    lost = false
  }
  stream.addEventListener("visit", (event) => {
    board.latest = JSON.parse(event.data)
    draw()
  })
  stream.addEventListener("day", (event) => {
    board.counts = JSON.parse(event.data)
    draw()
  })
}

async function begin() {
  try {
    await read()
    follow()
  } catch {
    document.getElementById("away").hidden = false
    setTimeout(begin, RETRY_MS + Math.random() * RETRY_MS)
  }
}
begin()
