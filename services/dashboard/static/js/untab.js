// Bokeh's drawing surfaces take the focus, have no name, and do nothing with keys: the table beside each chart is for that.

// Takes them out of the tab order; returns whether there were any.
export function untab(root) {
  let found = false
  for (const element of root.querySelectorAll("*")) {
    if (element.getAttribute("tabindex") === "0") {
      element.tabIndex = -1
      found = true
    }
    if (element.shadowRoot) found = untab(element.shadowRoot) || found
  }
  return found
}

// The same for a chart that Panel draws when it gets round to it.
export function untabLater(root) {
  const timer = setInterval(() => untab(root) && clearInterval(timer), 500)
}
