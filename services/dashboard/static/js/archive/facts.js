// When, where and with what a run was taken; what may be done with its pictures; who looked at it.

import { address } from "../api.js"
import { byId, h, setText } from "../dom.js"
import { nameLine, seconds } from "../runs.js"
import { clock, exact, number, t, taxon } from "../words.js"
import { drawMap } from "./map.js"

const LICENCES = /^(CC0-1\.0|CC-BY(?:-NC)?(?:-SA|-ND)?-[\d.]+)$/

const rows = (id, pairs) => byId(id).replaceChildren(...pairs.filter(([, value]) => value !== null && value !== undefined && value !== "")
  .map(([word, value]) => h("div", {}, h("dt", { text: word }), h("dd", {}, value))))

export function drawTimes(run, zone) {
  const moment = (value) => (value ? h("time", { datetime: value, text: exact(value, zone) }) : null)
  rows("times", [
    [t("run.started"), moment(run.started_at)], [t("run.ended"), moment(run.ended_at)], [t("run.duration"), seconds(run.duration_s)],
    [t("run.received"), moment(run.received_at)], [t("run.queued"), moment(run.queued_at)], [t("run.classified"), moment(run.classified_at)],
    [t("run.zone"), zone], [t("run.status"), t(`state.${run.status}`)], [t("run.status_reason"), run.status_reason],
  ])
  byId("clock-flags").hidden = !run.clock_flags.length
  byId("clock-flags").replaceChildren(...run.clock_flags.map((flag) => h("li", { text: t(`flag.${flag}`) })))
}

export function drawTrap(run) {
  const trap = run.trap ?? {}
  rows("trap", [
    [t("run.track"), run.tracking_id], [t("run.source"), t(`source.${run.source}`)], [t("run.device"), trap.device_id], [t("run.session"), trap.session_id],
    [t("run.track_status"), trap.track_status], [t("run.lens"), trap.lens_position], [t("run.iso"), trap.iso_sensitivity],
    [t("run.exposure"), trap.exposure_time !== null && trap.exposure_time !== undefined ? `${number(trap.exposure_time)} µs` : null],
    [t("run.bytes"), t("run.kilobytes", { count: Math.round(run.images.reduce((sum, image) => sum + image.byte_size, 0) / 1000) })],
    [t("run.id"), h("span", { class: "code", text: run.run_id })],
  ])
}

export async function drawPlace(camera, run) {
  setText(byId("place-name"), camera?.name ?? run.camera_id)
  setText(byId("place-text"), camera?.place ?? "")
  const known = camera && camera.latitude !== null && camera.longitude !== null
  byId("map").toggleAttribute("hidden", !known)
  byId("map-source").hidden = !known
  setText(byId("place-where"), known ? degrees(camera) : t("run.no_place"))
  const fuzzy = known && camera.coordinate_uncertainty_m
  setText(byId("place-fuzzy"), fuzzy ? t("run.fuzzy", { metres: Math.round(camera.coordinate_uncertainty_m) }) : "")
  if (known) await drawMap(byId("map"), camera)
}

function degrees({ latitude, longitude }) {
  const digits = { minimumFractionDigits: 2, maximumFractionDigits: 5 }
  const side = (value, positive, negative) => `${number(Math.abs(value), digits)}° ${t(value < 0 ? negative : positive)}`
  return `${side(latitude, "run.north", "run.south")}, ${side(longitude, "run.east", "run.west")}`
}

export function drawCredit(camera, run) {
  const credit = camera?.credit || camera?.name || run.camera_id
  const licence = camera?.licence ?? ""
  byId("credit").replaceChildren(h("span", { text: t("run.credit", { credit }) }), LICENCES.test(licence) ? h("a", { href: licenceAddress(licence), rel: "license noopener", target: "_blank", text: licence }) : h("span", { text: licence }))
  byId("get-zip").href = address(`runs/${run.run_id}/images.zip`)
  byId("get-json").href = address(`runs/${run.run_id}`)
  byId("get-json").download = `${run.local_date}_${run.run_id.slice(0, 12)}.json`
  byId("get-csv").href = address("runs", { q: run.run_id, format: "csv", limit: 1 })
  byId("get-csv").download = `${run.local_date}_${run.run_id.slice(0, 12)}.csv`
}

// A link that is only followed when somebody clicks it; the page itself asks nothing of other hosts.
function licenceAddress(licence) {
  const [, kind, version] = /^(?:CC0|CC-([A-Z-]+))-([\d.]+)$/.exec(licence) ?? []
  const path = kind ? `licenses/${kind.toLowerCase()}/${version}/` : "publicdomain/zero/1.0/"
  return `${location.protocol}//creativecommons.org/${path}`
}

export function drawHistory(verifications, zone) {
  byId("history").replaceChildren(...verifications.map((each) => h("li", {},
    h("span", { class: "what" }, each.label ? nameLine(each.label) : h("span", { text: t("run.withdrawn") }), each.label ? h("small", { text: t(`checked.${each.verdict}`) }) : null),
    h("span", { class: "meta" }, t("run.by", { name: each.verified_by }), " · ", h("time", { datetime: each.verified_at, text: clock(each.verified_at, zone) })))))
  byId("history-none").hidden = verifications.length > 0
}

export const nameOf = (label) => taxon(label).name
