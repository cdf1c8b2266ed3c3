// People: who may sign in, and as what. A new password is made here, and shown once.

import { ask, tell } from "../api.js"
import { byId, h, setText } from "../dom.js"
import { say } from "../runs.js"
import { fill } from "../states.js"
import { lang, t } from "../words.js"
import { formDialog, showError, sure } from "./dialogs.js"
import { showOnce } from "./keys.js"
import { button, entry, mark, moment, pair, renew } from "./pieces.js"

let known = { items: [], you: "" }
let changed = null // whose role the open dialog changes; null: it adds somebody

export function open() {
  return fill(byId("people-body"), (signal) => ask("people", {}, { signal }), (answer) => { known = answer; draw() })
}

export function start() {
  byId("person-new").addEventListener("click", () => openDialog(null))
  formDialog(byId("person-dialog"), byId("person-error"), save)
}

const draw = () => renew(byId("people-list"), known.items.map(row))

function row(person) {
  const own = person.user_id === known.you
  const role = h("ul", { class: "tags" }, h("li", { text: t(`person.${person.role}`) }))
  return entry(person.user_id, [h("div", { class: "names" }, h("h3", { text: person.name }), role), own ? mark("good", t("people.you")) : null].filter(Boolean), [
    pair(t("people.by"), t(person.federated ? "people.by_provider" : "people.by_password")),
    pair(t("people.last"), moment(person.last_sign_in_at) ?? t("people.never")),
    pair(t("people.added"), moment(person.created_at)),
    person.federated ? pair(t("people.role"), t("people.role_of_provider")) : null,
  ], own ? [h("a", { class: "button", href: `/account?lang=${lang}`, text: t("nav.account") })] : tools(person))
}

function tools(person) {
  const named = (text) => ({ label: `${text}: ${person.name}` })
  const local = person.federated ? [] : [
    button(t("people.change"), () => openDialog(person), named(t("people.change"))),
    button(t("people.password"), () => passwordAsked(person), named(t("people.password"))),
  ]
  return [...local, button(t("people.remove"), () => removeAsked(person), named(t("people.remove")))]
}

function openDialog(person) {
  changed = person
  const form = byId("person-form")
  form.reset()
  form.elements.name.value = person?.name ?? ""
  form.elements.role.value = person?.role ?? "reader"
  byId("person-name").hidden = person !== null
  setText(byId("person-dialog-title"), person ? t("people.change_title", { name: person.name }) : t("people.new"))
  setText(byId("person-save"), t(person ? "admin.save" : "people.add"))
  showError(byId("person-error"), "")
  byId("person-dialog").showModal()
  if (!person) form.elements.name.focus()
}

async function save(form) {
  const role = form.elements.role.value
  if (changed) {
    await tell("people/role", { user_id: changed.user_id, role })
    say(t("people.changed", { name: changed.name, role: t(`person.${role}`) }))
  } else {
    const made = await tell("people", { name: form.elements.name.value.trim(), role })
    setTimeout(() => showPassword(made.name, made.password).then(open)) // once this dialog is closed
    return
  }
  open()
}

async function passwordAsked(person) {
  if (!(await sure(t("people.password_title", { name: person.name }), t("people.password_text"), t("people.password")))) return
  try {
    showPassword(person.name, (await tell("people/password", { user_id: person.user_id })).password)
  } catch (error) {
    say(error.message, { error: true })
  }
}

async function removeAsked(person) {
  const text = t(person.federated ? "people.remove_text_provider" : "people.remove_text")
  if (!(await sure(t("people.remove_title", { name: person.name }), text, t("people.remove")))) return
  try {
    await tell("people/remove", { user_id: person.user_id })
    say(t("people.removed", { name: person.name }))
  } catch (error) {
    say(error.message, { error: true })
  }
  open()
}

const showPassword = (name, password) =>
  showOnce({ title: t("people.secret_title", { name }), once: t("people.once"), done: t("people.done") }, password)
