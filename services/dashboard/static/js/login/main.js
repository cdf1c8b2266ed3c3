// The form works without this; with it, one can look at what one typed, and the button tells that it was heard.

import { byId } from "../dom.js"

const field = byId("password")
const reveal = byId("reveal")

reveal.hidden = false
reveal.addEventListener("click", () => {
  const shown = field.type === "password"
  field.type = shown ? "text" : "password"
  reveal.setAttribute("aria-pressed", String(shown))
  field.focus()
})
field.form.addEventListener("submit", () => {
  field.type = "password" // else browsers keep it among what was typed into forms
  field.form.setAttribute("aria-busy", "true")
})
