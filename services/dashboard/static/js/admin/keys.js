// Keys: who may upload, read, verify, administer. A new key is shown once; here is all that a trap needs beside it.

import { ask, tell } from "../api.js"
import { copyText } from "../copy.js"
import { byId, h, setText } from "../dom.js"
import { say } from "../runs.js"
import { fill } from "../states.js"
import { start as boot, t } from "../words.js"
import { formDialog, showError, sure } from "./dialogs.js"
import { button, entry, mark, moment, pair, renew } from "./pieces.js"

let known = { keys: [], cameras: [] }

export function open() {
  return fill(byId("keys-body"), async (signal) => {
    const [keys, cameras] = await Promise.all([ask("keys", {}, { signal }), ask("cameras", {}, { signal })])
    return { keys: keys.items, cameras: cameras.items }
  }, (answer) => { known = answer; draw() })
}

export function start() {
  byId("key-new").addEventListener("click", create)
  byId("keys-revoked").addEventListener("change", draw)
  byId("key-form").elements.camera.addEventListener("change", boundToOne)
  formDialog(byId("key-dialog"), byId("key-error"), save)
  byId("secret-copy").addEventListener("click", (event) => copyText(byId("secret-key").textContent, event.target, byId("secret-said")))
  byId("secret-curl-copy").addEventListener("click", (event) => copyText(byId("secret-curl").textContent, event.target, byId("secret-said")))
  byId("secret-done").addEventListener("click", () => byId("secret-dialog").close())
  byId("secret-dialog").addEventListener("close", () => { setText(byId("secret-key"), ""); setText(byId("secret-curl"), "") })
  byId("secret-dialog").addEventListener("cancel", (event) => event.preventDefault()) // an Escape too many must not lose the key
}

function draw() {
  const shown = known.keys.filter((key) => !key.revoked_at || byId("keys-revoked").checked)
  byId("keys-none").hidden = shown.length > 0
  renew(byId("keys-list"), shown.map(row))
}

const nameOf = (id) => known.cameras.find((camera) => camera.camera_id === id)?.name ?? id

function row(key) {
  const scopes = h("ul", { class: "tags" }, ...key.scopes.map((scope) => h("li", { text: t(`scope.${scope}`), "data-scope": scope })))
  return entry(key.id, [h("div", { class: "names" }, h("h3", { text: key.name || key.id }), scopes), key.revoked_at ? mark("none", t("keys.is_revoked")) : mark("good", t("keys.valid"))], [
    pair(t("keys.camera"), key.camera_id ? nameOf(key.camera_id) : t("keys.all_cameras")),
    pair(t("keys.made"), moment(key.created_at)),
    pair(t("keys.used"), moment(key.last_used_at) ?? t("keys.never_used")),
    pair(t("keys.is_revoked"), moment(key.revoked_at)),
    pair(t("keys.id"), key.id),
  ], key.revoked_at ? [] : [button(t("keys.revoke"), () => revokeAsked([key], key.name).then((done) => done && open()), { label: `${t("keys.revoke")}: ${key.name || key.id}` })])
}

// Asks first; says afterwards. The services obey within seconds.
export async function revokeAsked(keys, name) {
  if (!(await sure(t("keys.revoke_title", { name }), t("keys.revoke_text", { count: keys.length }), t("keys.revoke")))) return false
  try {
    for (const key of keys) await tell(`keys/${key.id}`, undefined, "DELETE")
    say(t("keys.revoked", { name }))
  } catch (error) {
    say(error.message, { error: true })
  }
  return true
}

function create() {
  const form = byId("key-form")
  form.reset()
  form.elements.camera.replaceChildren(h("option", { value: "", text: t("keys.all_cameras") }),
    ...known.cameras.map((camera) => h("option", { value: camera.camera_id, text: camera.name })))
  boundToOne()
  showError(byId("key-error"), "")
  byId("key-dialog").showModal()
  form.elements.name.focus()
}

// A key of one camera cannot administer the whole.
function boundToOne() {
  const form = byId("key-form")
  const admin = form.querySelector("[value=admin]")
  admin.disabled = form.elements.camera.value !== ""
  if (admin.disabled) admin.checked = false
}

async function save(form) {
  const scopes = [...form.querySelectorAll("[name=scopes]:checked")].map((box) => box.value)
  if (!scopes.length) throw new Error(t("keys.no_scopes"))
  const key = await tell("keys", { name: form.elements.name.value.trim(), scopes, camera_id: form.elements.camera.value || null })
  setTimeout(() => showSecret(key, key.name))
  open()
}

export async function makeKeyFor(camera) {
  try {
    await showSecret(await tell("keys", { name: camera.name, scopes: ["upload", "read"], camera_id: camera.camera_id }), camera.name)
  } catch (error) {
    say(error.message, { error: true })
  }
}

// Answers when it was closed.
export function showSecret(key, name) {
  byId("secret-trap").hidden = !key.scopes.includes("upload") || !key.camera_id
  setText(byId("secret-endpoint"), `${boot.origin}/classify`)
  setText(byId("secret-curl"), curl(key.key))
  return display({ title: t("keys.secret_title", { name }), once: t("keys.once"), done: t("keys.done") }, key.key)
}

// Another secret that is shown only now, such as a new password. Resolves when the dialog is closed.
export function showOnce(words, secret) {
  byId("secret-trap").hidden = true
  return display(words, secret)
}

function display({ title, once, done }, secret) {
  setText(byId("secret-title"), title)
  setText(byId("secret-once"), once)
  setText(byId("secret-done"), done)
  setText(byId("secret-key"), secret)
  byId("secret-dialog").showModal()
  byId("secret-copy").focus()
  return new Promise((resolve) => byId("secret-dialog").addEventListener("close", resolve, { once: true }))
}

// What a deployed trap sends, with a picture from anywhere.
const curl = (key) => [
  `curl ${boot.origin}/classify/1 -H 'access_token: ${key}'`,
  `-F "start_date=$(date '+%F %T')" -F "end_date=$(date '+%F %T')" -F duration_s=0`,
  `-F 'files=@${t("keys.picture")}'`,
].join(" \\\n  ")
