// Where a camera stands: numbers to type or to paste, or a point on the map, which is drawn by the dashboard itself.

import { fetched, Refusal } from "../api.js"
import { ground, shape } from "../archive/map.js"
import { byId } from "../dom.js"
import { number, t } from "../words.js"

const MIDDLE = { latitude: 51.2, longitude: 10.4 }
const SPANS = [1, 2, 4, 7, 14, 30]
const FAR = 4
const NEAR = 1

let form = null
let map = null
let centre = MIDDLE
let zoom = FAR

export const coordinate = (degrees) => number(degrees, { minimumFractionDigits: 4, maximumFractionDigits: 5 })

export function startPlace(given) {
  form = given
  for (const name of ["latitude", "longitude"]) {
    form.elements[name].addEventListener("paste", paste)
    form.elements[name].addEventListener("change", () => { if (typed()) { centre = typed(); draw() } else mark() })
  }
  byId("place-map").addEventListener("click", choose)
  byId("map-in").addEventListener("click", () => turn(-1))
  byId("map-out").addEventListener("click", () => turn(1))
}

export function showPlace(given, camera) {
  const known = camera.latitude !== null && camera.latitude !== undefined
  form.elements.latitude.value = known ? camera.latitude : ""
  form.elements.longitude.value = known ? camera.longitude : ""
  const uncertainty = camera.coordinate_uncertainty_m ? String(camera.coordinate_uncertainty_m) : ""
  const select = form.elements.uncertainty
  if (![...select.options].some((option) => option.value === uncertainty)) select.add(new Option(`${number(Number(uncertainty))} m`, uncertainty))
  select.value = uncertainty
  centre = known ? { latitude: camera.latitude, longitude: camera.longitude } : MIDDLE
  zoom = known ? NEAR : FAR
  draw()
}

// What the gateway is told. Half a place is refused here already, in words.
export function placeOf(given) {
  const [latitude, longitude] = ["latitude", "longitude"].map((name) => given.elements[name].value.trim())
  const uncertainty = given.elements.uncertainty.value
  if (!latitude && !longitude) return { latitude: null, longitude: null, coordinate_uncertainty_m: uncertainty ? Number(uncertainty) : null }
  const point = typed()
  if (!point) throw new Refusal(t("traps.position_wrong"))
  return { ...point, coordinate_uncertainty_m: uncertainty ? Number(uncertainty) : null }
}

const asNumber = (text) => (text.trim() ? Number(text.trim().replace(",", ".")) : NaN)

function typed() {
  const [latitude, longitude] = [asNumber(form.elements.latitude.value), asNumber(form.elements.longitude.value)]
  return Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 ? { latitude, longitude } : null
}

// "52.3906, 13.0645", as map pages give it to copy, fills both fields.
function paste(event) {
  const found = /^\s*(-?\d+(?:\.\d+)?)\s*[,; ]\s*(-?\d+(?:\.\d+)?)\s*$/.exec(event.clipboardData.getData("text"))
  if (!found) return
  event.preventDefault()
  put(Number(found[1]), Number(found[2]))
  centre = typed() ?? centre
  draw()
}

function put(latitude, longitude) {
  form.elements.latitude.value = Number(latitude.toFixed(5))
  form.elements.longitude.value = Number(longitude.toFixed(5))
}

function choose(event) {
  if (!map) return
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(byId("place-map").getScreenCTM().inverse())
  const [x, y] = map.point
  put(centre.latitude - (at.y - y) / map.degree[1], (((centre.longitude + (at.x - x) / map.degree[0]) + 540) % 360) - 180)
  mark()
}

function turn(step) {
  zoom = Math.min(SPANS.length - 1, Math.max(0, zoom + step))
  centre = typed() ?? centre
  draw()
}

async function draw() {
  const query = new URLSearchParams({ ...centre, span: SPANS[zoom] })
  const drawnFor = centre
  try {
    const answer = await fetched(`/ui/outline?${query}`)
    if (drawnFor !== centre) return
    map = answer
  } catch {
    return // the numbers stand above it
  }
  const svg = byId("place-map")
  svg.setAttribute("viewBox", `0 0 ${map.width} ${map.height}`)
  svg.replaceChildren(...ground(map))
  mark()
}

function mark() {
  const svg = byId("place-map")
  for (const old of svg.querySelectorAll(".spot, .spot-ring")) old.remove()
  const point = typed()
  if (!map || !point) return
  const cx = map.point[0] + (point.longitude - centre.longitude) * map.degree[0]
  const cy = map.point[1] - (point.latitude - centre.latitude) * map.degree[1]
  svg.append(shape("circle", { class: "spot-ring", cx, cy, r: 11 }), shape("circle", { class: "spot", cx, cy, r: 5 }))
}
