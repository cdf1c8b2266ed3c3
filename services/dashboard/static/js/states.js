// A part of the page that waits, failed, or shows: said in words, for eyes and screen readers alike.

import { h } from "./dom.js"
import { t } from "./words.js"

const turns = new WeakMap()

// Runs load() and then show(answer); while it takes, the part is busy, and where it fails it says why and offers another try.
// A later call for the same part wins over an earlier one, however late that answers.
export async function fill(part, load, show) {
  turns.get(part)?.abort()
  const turn = new AbortController()
  turns.set(part, turn)
  part.setAttribute("aria-busy", "true")
  part.querySelector(":scope > .failed")?.remove()
  try {
    const answer = await load(turn.signal)
    if (turns.get(part) === turn) await show(answer)
  } catch (error) {
    if (turns.get(part) !== turn || error.name === "AbortError") return
    const again = h("button", { type: "button", class: "button", text: t("errors.again") })
    again.addEventListener("click", () => fill(part, load, show))
    part.prepend(h("div", { class: "failed", role: "alert" }, h("p", { text: error.message }), again))
  } finally {
    if (turns.get(part) === turn) part.removeAttribute("aria-busy")
  }
}
