// Words, numbers and times in the page's language. The words come from texts/<language>.toml by way of the page.

const boot = JSON.parse(document.getElementById("boot").textContent)
export const lang = boot.lang
export const start = boot

const locale = lang === "de" ? "de-DE" : "en-GB"
const plural = new Intl.PluralRules(locale)
const whole = new Intl.NumberFormat(locale)
const percentage = new Intl.NumberFormat(locale, { style: "percent" })
const ago = new Intl.RelativeTimeFormat(locale, { numeric: "auto" })

export const number = (value, digits = undefined) => (digits ? new Intl.NumberFormat(locale, digits) : whole).format(value)
export const percent = (share) => percentage.format(share)

export function t(key, values = {}) {
  let text = boot.texts[key] ?? key
  if (typeof text === "object") text = text[plural.select(values.count)] ?? text.other
  return text.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name]
    return typeof value === "number" ? number(value) : String(value)
  })
}

export function taxon(label) {
  return boot.taxonomy[label] ?? { name: label, sci: "", icon: "spider", color: "#888888", insect: true }
}

const formats = new Map()
function format(zone, options) {
  const key = (zone ?? "") + JSON.stringify(options)
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(locale, { timeZone: zone, ...options }))
  return formats.get(key)
}

const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit" }

// The camera's clock; with the day when that is not today's.
export function clock(moment, zone) {
  const then = new Date(moment)
  const now = new Date()
  const same = (parts) => format(zone, parts).format(then) === format(zone, parts).format(now)
  const day = { day: "numeric", month: "short", year: "numeric" }
  if (same(day)) return format(zone, CLOCK).format(then)
  const year = same({ year: "numeric" }) ? undefined : "numeric"
  return format(zone, { ...day, year, hour: "2-digit", minute: "2-digit" }).format(then)
}

// To the second, with the day: for the one run in full.
export function exact(moment, zone) {
  return format(zone, { day: "numeric", month: "short", year: "numeric", ...CLOCK }).format(new Date(moment))
}

// A day of the calendar, without a zone's doing: "2026-05-12".
export function longDay(day) {
  return format("UTC", { weekday: "long", day: "numeric", month: "long", year: "numeric" }).format(new Date(`${day}T12:00:00Z`))
}

export function shortDay(day) {
  return format("UTC", { weekday: "short", day: "numeric", month: "short" }).format(new Date(`${day}T12:00:00Z`))
}

const noon = (day) => new Date(`${day}T12:00:00Z`)
export const dayLabel = (day) => format("UTC", { day: "numeric", month: "short" }).format(noon(day))
export const monthLabel = (day) => format("UTC", { month: "short" }).format(noon(day))
export const weekdayLabel = (at) => format("UTC", { weekday: "short" }).format(new Date(Date.UTC(2024, 0, 1 + at, 12))) // a Monday

const tenths = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 })
export const decimal = (value) => tenths.format(value)

// An hour of the day, in words of the language: 17 Uhr, 17:00.
export function hourText(hour) {
  return lang === "de" ? `${hour} Uhr` : `${String(hour % 24).padStart(2, "0")}:00`
}

// A time of the day from hours: 5.5 is 05:30.
export function timeOf(hours) {
  return format("UTC", { hour: "2-digit", minute: "2-digit" }).format(new Date(Date.UTC(2000, 0, 1, 0, Math.round(hours * 60))))
}

// The hour that it is on a camera's clock.
export function hourOf(moment, zone) {
  return Number(format(zone, { hour: "2-digit", hourCycle: "h23" }).formatToParts(moment).find((part) => part.type === "hour").value)
}

export function since(moment) {
  const seconds = Math.max(0, Math.round((Date.now() - new Date(moment).getTime()) / 1000))
  if (seconds < 10) return t("ago.now")
  if (seconds < 60) return ago.format(-Math.floor(seconds / 10) * 10, "second")
  if (seconds < 3600) return ago.format(-Math.floor(seconds / 60), "minute")
  if (seconds < 86400) return ago.format(-Math.floor(seconds / 3600), "hour")
  return ago.format(-Math.floor(seconds / 86400), "day")
}
