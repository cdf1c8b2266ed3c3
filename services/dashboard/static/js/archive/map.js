// The small map: countries as the dashboard's own process draws them, a net of degrees, and the camera.

import { fetched } from "../api.js"
import { t } from "../words.js"

const SVG = "http://www.w3.org/2000/svg"

export function shape(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  if (text) element.textContent = text
  return element
}

// Sea, land and the net of degrees: what lies under the points.
export function ground(map) {
  const lines = map.lines.flatMap(({ axis, degree, at }) => (axis === "latitude"
    ? [shape("path", { class: "net", d: `M0 ${at}H${map.width}` }), shape("text", { class: "degree", x: 5, y: at - 4 }, `${degree}°`)]
    : [shape("path", { class: "net", d: `M${at} 0V${map.height}` }), shape("text", { class: "degree", x: at + 4, y: map.height - 6 }, `${degree}°`)]))
  const land = map.land.map((d) => shape("path", { class: "land", d, "fill-rule": "evenodd" }))
  return [shape("rect", { class: "sea", width: map.width, height: map.height }), ...land, ...lines]
}

export async function drawMap(svg, camera) {
  svg.replaceChildren()
  let map
  try {
    const query = new URLSearchParams({ latitude: camera.latitude, longitude: camera.longitude, uncertainty_m: camera.coordinate_uncertainty_m ?? 0 })
    map = await fetched(`/ui/outline?${query}`)
  } catch {
    svg.toggleAttribute("hidden", true) // the coordinates stand beside it
    return
  }
  svg.setAttribute("viewBox", `0 0 ${map.width} ${map.height}`)
  svg.setAttribute("aria-label", t("run.map", { place: camera.place || camera.name }))
  const [x, y] = map.point
  svg.append(
    ...ground(map),
    ...(map.radius > 3 ? [shape("circle", { class: "about", cx: x, cy: y, r: map.radius })] : []),
    shape("circle", { class: "spot-ring", cx: x, cy: y, r: 11 }),
    shape("circle", { class: "spot", cx: x, cy: y, r: 5 }),
  )
}
