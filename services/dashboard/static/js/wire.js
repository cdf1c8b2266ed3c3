// The Panel component of the page: it shows nothing, and carries messages between the session and the page's modules.

export function render({ model }) {
  model.on("msg:custom", (event) => document.dispatchEvent(new CustomEvent("krabbel:message", { detail: event.data ?? event })))
  document.addEventListener("krabbel:send", (event) => model.send_msg(event.detail))
  document.documentElement.dataset.wired = "" // for a main.js that comes later than we do
  document.dispatchEvent(new CustomEvent("krabbel:wired"))
}
