// Copies a text, and says so on the button for two seconds.

import { h, setText } from "./dom.js"
import { t } from "./words.js"

export async function copyText(text, button, said) {
  try {
    await navigator.clipboard.writeText(text)
  } catch {
    // Without HTTPS a browser has no clipboard for pages; a selection can be copied everywhere.
    const area = h("textarea", { class: "sr-only", "aria-hidden": "true" })
    area.value = text
    button.after(area) // beside it: what is outside of an open dialog cannot be selected
    area.select()
    document.execCommand("copy")
    area.remove()
    button.focus()
  }
  const before = button.dataset.text ?? button.textContent
  button.dataset.text = before
  setText(button, t("keys.copied"))
  setText(said, t("keys.copied"))
  setTimeout(() => { setText(button, before); setText(said, "") }, 2000)
}
