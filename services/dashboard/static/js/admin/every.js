// Asks again and again while the page is seen: at once, then after so many seconds, and when somebody comes back to it.
// Not below an open dialog: its button must still be there when it closes, for who works by keyboard.

import { h } from "../dom.js"

export function every(seconds, work) {
  let timer = 0
  let over = false
  async function turn() {
    clearTimeout(timer)
    if (over || document.hidden) return
    if (!document.querySelector("dialog[open]")) await work()
    clearTimeout(timer)
    if (!over) timer = setTimeout(turn, seconds * 1000)
  }
  const seen = () => { if (!document.hidden) turn() }
  document.addEventListener("visibilitychange", seen)
  turn()
  return () => {
    over = true
    clearTimeout(timer)
    document.removeEventListener("visibilitychange", seen)
  }
}

// As fill() of states.js, for what is asked again and again: nothing flickers, and what is wrong is said once.
export async function keepFilled(part, load, show) {
  if (!part.dataset.filled) part.setAttribute("aria-busy", "true")
  try {
    show(await load())
    part.dataset.filled = "yes"
    part.querySelector(":scope > .failed")?.remove()
  } catch (error) {
    if (!part.querySelector(":scope > .failed")) part.prepend(h("p", { class: "failed", role: "alert", text: error.message }))
  }
  part.removeAttribute("aria-busy")
}
