// Cameras: how each is, and what may be changed of it. A new one gets its key at once, if wanted.

import { ask, tell } from "../api.js"
import { isAwake } from "../awake.js"
import { byId, h, setText } from "../dom.js"
import { say } from "../runs.js"
import { number, percent, t } from "../words.js"
import { formDialog, showError } from "./dialogs.js"
import { every, keepFilled } from "./every.js"
import { makeKeyFor, revokeAsked, showSecret } from "./keys.js"
import { button, bytes, entry, mark, moment, pair, renew } from "./pieces.js"
import { coordinate, placeOf, showPlace, startPlace } from "./place.js"

const REFRESH_S = 5
const TRAP = ["upload", "read"]
let edited = null
let zone = null
let stop = null

async function load() {
  const [cameras, keys] = await Promise.all([ask("cameras", { exact: true }), ask("keys")])
  return { cameras: cameras.items, keys: keys.items }
}

const refresh = () => keepFilled(byId("cameras-body"), load, draw)

export function open() {
  stop?.()
  stop = every(REFRESH_S, refresh)
}

export function close() {
  stop?.()
}

export function start() {
  byId("camera-new").addEventListener("click", () => edit(null))
  byId("zones").append(...Intl.supportedValuesOf("timeZone").map((zone) => h("option", { value: zone })))
  startPlace(byId("camera-form"))
  formDialog(byId("camera-dialog"), byId("camera-error"), save)
}

function draw({ cameras, keys }) {
  zone = cameras[0]?.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone
  byId("cameras-none").hidden = cameras.length > 0
  renew(byId("cameras-list"), cameras.map((camera) => row(camera, keys.filter((key) => key.camera_id === camera.camera_id && !key.revoked_at))))
}

function row(camera, keys) {
  const heard = camera.last_upload_at || camera.last_seen_at
  const awake = isAwake(camera.last_upload_at, camera.last_seen_at)
  const state = mark(awake ? "good" : heard ? "bad" : "none", t(awake ? "traps.awake" : heard ? "traps.silent" : "traps.never"))
  const beat = camera.heartbeat ?? {}
  const position = camera.latitude === null ? null : `${coordinate(camera.latitude)}, ${coordinate(camera.longitude)}`
  return entry(camera.camera_id, [h("div", { class: "names" }, h("h3", { text: camera.name }), h("p", { text: [camera.place, camera.camera_id].filter(Boolean).join(" · ") })), state], [
    pair(t("traps.last_upload"), moment(camera.last_upload_at) ?? t("traps.no_upload")),
    pair(t("traps.last_seen"), moment(camera.last_seen_at)),
    pair(t("traps.battery"), beat.battery_percent === null || beat.battery_percent === undefined ? null : percent(beat.battery_percent / 100)),
    pair(t("traps.temperature"), beat.temperature_c === null || beat.temperature_c === undefined ? null : `${number(beat.temperature_c, { maximumFractionDigits: 1 })} °C`),
    pair(t("traps.disk_free"), beat.disk_free_bytes === null || beat.disk_free_bytes === undefined ? null : bytes(beat.disk_free_bytes)),
    pair(t("traps.firmware"), beat.firmware),
    pair(t("traps.position"), position ?? t("traps.no_position")),
    pair(t("traps.public"), position && camera.coordinate_uncertainty_m ? t("traps.rounded", { metres: camera.coordinate_uncertainty_m }) : null),
    pair(t("traps.timezone"), camera.timezone),
    pair(t("traps.credit"), camera.credit),
    pair(t("traps.rights"), camera.licence),
    pair(t("traps.keys"), number(keys.length)),
  ], [
    button(t("traps.edit"), () => edit(camera), { label: `${t("traps.edit")}: ${camera.name}` }),
    button(t("traps.new_key"), () => makeKeyFor(camera).then(refresh), { label: `${t("traps.new_key")}: ${camera.name}` }),
    ...(keys.length ? [button(t("traps.revoke"), () => revokeAsked(keys, camera.name).then((done) => done && refresh()), { label: `${t("traps.revoke")}: ${camera.name}` })] : []),
  ])
}

function edit(camera) {
  edited = camera
  const form = byId("camera-form")
  form.reset()
  const values = camera ?? { timezone: zone, licence: "CC-BY-4.0" }
  for (const name of ["name", "place", "timezone", "credit", "licence"]) form.elements[name].value = values[name] ?? ""
  showPlace(form, values)
  byId("camera-with-key").hidden = camera !== null
  setText(byId("camera-dialog-title"), camera ? t("traps.edit_title", { name: camera.name }) : t("traps.new"))
  setText(byId("camera-save"), camera ? t("admin.save") : t("traps.make"))
  showError(byId("camera-error"), "")
  byId("camera-dialog").showModal()
  form.elements.name.focus()
}

async function save(form) {
  const body = Object.fromEntries(["name", "place", "timezone", "credit", "licence"].map((name) => [name, form.elements[name].value.trim()]))
  Object.assign(body, placeOf(form))
  const camera = edited ? await tell(`cameras/${edited.camera_id}`, body, "PATCH") : await tell("cameras", body)
  if (edited || !form.elements.with_key.checked) say(t("traps.saved", { name: camera.name }))
  else {
    const key = await tell("keys", { name: camera.name, scopes: TRAP, camera_id: camera.camera_id })
    setTimeout(() => showSecret(key, camera.name)) // after the form's dialog has closed
  }
  refresh()
}
