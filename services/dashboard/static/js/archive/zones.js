// Between a camera's wall clock and moments: the filters speak of the camera's days and hours.

export function zoneOf(cameras, chosen) {
  const wanted = chosen ? chosen.split(",") : []
  const zones = new Map()
  for (const camera of cameras) {
    if (!wanted.length || wanted.includes(camera.camera_id)) zones.set(camera.timezone, (zones.get(camera.timezone) ?? 0) + 1)
  }
  return [...zones].sort((a, b) => b[1] - a[1])[0]?.[0] ?? "Europe/Berlin"
}

function wallClock(moment, zone) {
  const format = new Intl.DateTimeFormat("en-CA", { timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" })
  return Object.fromEntries(format.formatToParts(moment).map(({ type, value }) => [type, value]))
}

export function dayIn(moment, zone) {
  const { year, month, day } = wallClock(moment, zone)
  return `${year}-${month}-${day}`
}

// "2026-05-12" or a moment -> day and time of day; the time is empty for a whole day.
export function split(value, zone) {
  if (!value) return { day: "", time: "" }
  if (/^\d{4}-\d\d-\d\d$/.test(value)) return { day: value, time: "" }
  const moment = new Date(value)
  if (Number.isNaN(moment.getTime())) return { day: "", time: "" }
  const { hour, minute } = wallClock(moment, zone)
  return { day: dayIn(moment, zone), time: `${hour}:${minute}` }
}

// The moment at which the zone's clock shows this; twice, since the first step may cross a change of the clocks.
export function joined(day, time, zone) {
  if (!day) return ""
  if (!time) return day
  const wanted = Date.parse(`${day}T${time}:00Z`)
  let moment = wanted
  for (let step = 0; step < 2; step++) {
    const shown = wallClock(new Date(moment), zone)
    moment += wanted - Date.parse(`${shown.year}-${shown.month}-${shown.day}T${shown.hour}:${shown.minute}:00Z`)
  }
  return new Date(moment).toISOString().replace(".000Z", "Z")
}

export function daysBefore(day, count) {
  const date = new Date(`${day}T12:00:00Z`)
  date.setUTCDate(date.getUTCDate() - count)
  return date.toISOString().slice(0, 10)
}
