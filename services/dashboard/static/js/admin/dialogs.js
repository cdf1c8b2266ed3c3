// A question before what cannot be undone, and forms in dialogs: they close by Escape, by × and by "cancel".

import { byId, setText } from "../dom.js"

export function sure(title, text, yes) {
  const dialog = byId("sure")
  setText(byId("sure-title"), title)
  setText(byId("sure-text"), text)
  setText(byId("sure-yes"), yes)
  dialog.returnValue = ""
  dialog.showModal()
  byId("sure-no").focus()
  return new Promise((resolve) => {
    byId("sure-yes").onclick = () => dialog.close("yes")
    byId("sure-no").onclick = () => dialog.close("")
    dialog.onclose = () => resolve(dialog.returnValue === "yes")
  })
}

// save(form) is called when the form is sent; what it throws is shown in the form, which stays open.
export function formDialog(dialog, error, save) {
  const form = dialog.querySelector("form")
  for (const button of dialog.querySelectorAll(".close, .cancel")) button.addEventListener("click", () => dialog.close())
  form.addEventListener("submit", async (event) => {
    event.preventDefault()
    const wrong = form.querySelector(":invalid:not(fieldset)")
    if (wrong) {
      showError(error, wrong.validationMessage)
      return wrong.focus()
    }
    const button = form.querySelector("[type=submit]")
    button.disabled = true
    showError(error, "")
    try {
      await save(form)
      dialog.close()
    } catch (refusal) {
      showError(error, refusal.message)
    } finally {
      button.disabled = false
    }
  })
}

export function showError(line, text) {
  line.hidden = !text
  setText(line, text)
}
