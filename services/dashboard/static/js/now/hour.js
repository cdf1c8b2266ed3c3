// What happens in the hour that is: how many came, and who most.

import { byId, disc, h } from "../dom.js"
import { hourOf, t, taxon } from "../words.js"

let figures = null
let zone = null
let told = ""

export function setHour(day, cameraZone) {
  figures = day
  zone = cameraZone
  drawHour()
}

// Also called once in a while: the hour ends by itself.
export function drawHour() {
  const line = byId("this-hour")
  line.hidden = !figures?.loaded
  if (line.hidden) return
  const hour = hourOf(new Date(), zone)
  const classes = figures.classes.filter(([label]) => taxon(label).insect).map(([label, , hours]) => [label, hours[hour]])
  const visits = classes.reduce((sum, [, count]) => sum + count, 0)
  const [busiest, count] = classes.reduce((best, row) => (row[1] > best[1] ? row : best), ["", 0])
  const since = t("this_hour.from", { hour })
  const signature = [hour, visits, busiest, count].join()
  if (signature === told) return
  told = signature
  line.replaceChildren(...(visits
    ? [disc(taxon(busiest)), h("span", {}, h("b", { text: t("this_hour.visits", { count: visits, hour: since }) }), " – ", t("this_hour.busiest", { name: taxon(busiest).name, count }))]
    : [h("span", { text: t("this_hour.none", { hour: since }) })]))
}
