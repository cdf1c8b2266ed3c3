// Buttons that show what was typed into fields for passwords: those that the button says it controls.

import { byId } from "./dom.js"

for (const button of document.querySelectorAll("[data-reveals]")) {
  const fields = button.getAttribute("aria-controls").split(" ").map(byId)
  button.hidden = false
  button.addEventListener("click", () => {
    const shown = fields[0].type === "password"
    for (const field of fields) field.type = shown ? "text" : "password"
    button.setAttribute("aria-pressed", String(shown))
    fields[0].focus()
  })
  button.form.addEventListener("submit", () => {
    for (const field of fields) field.type = "password" // else browsers keep it among what was typed into forms
    button.form.setAttribute("aria-busy", "true")
  })
}
