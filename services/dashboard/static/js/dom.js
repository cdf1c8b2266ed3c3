// The few helpers with which all modules build the page. Text goes in by textContent only, never as HTML.

export const byId = (id) => document.getElementById(id)

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue
    if (name === "text") element.textContent = value
    else element.setAttribute(name, value === true ? "" : value)
  }
  element.append(...children.filter((child) => child !== null && child !== undefined))
  return element
}

export function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text
}

const SVG = "http://www.w3.org/2000/svg"
const ASSETS = new URL("..", import.meta.url).pathname

export function drawing(symbol) {
  const svg = document.createElementNS(SVG, "svg")
  svg.setAttribute("aria-hidden", "true")
  const use = document.createElementNS(SVG, "use")
  use.setAttribute("href", `${ASSETS}icons.svg#${symbol}`)
  svg.append(use)
  return svg
}

// A disc in the class's colour with its drawing; ink by lightness, so that both are seen on any colour.
export function disc(entry) {
  const light = lightness(entry.color) > 0.36
  const element = h("span", { class: "disc", "aria-hidden": "true" }, drawing(entry.icon))
  element.style.setProperty("--disc", entry.color)
  element.style.setProperty("--disc-ink", light ? "#1c261e" : "#ffffff")
  return element
}

function lightness(color) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16) / 255).map((c) => (c <= 0.04 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

const BREAKS = /(schwebfliege|käfer|fliege|füßer|biene|wanze)$/

// A long German word may break before its last part, with a hyphen that is drawn but not part of the text.
export function name(text, attributes = {}) {
  const part = text.length > 13 ? BREAKS.exec(text) : null
  if (!part || part.index < 4 || /[-\s]/.test(text)) return h("span", { ...attributes, text })
  return h("span", attributes, text.slice(0, part.index), h("span", { class: "may-break" }), part[0])
}

// Keep the children of a list in step with keyed rows: what stays is not built again, so nothing flickers.
export function keyed(list, rows, key, build, update) {
  const old = new Map([...list.children].map((child) => [child.dataset.key, child]))
  let before = list.firstElementChild
  for (const row of rows) {
    const id = String(key(row))
    let child = old.get(id)
    if (child) old.delete(id)
    else {
      child = build(row)
      child.dataset.key = id
    }
    update(child, row)
    if (child === before) before = before.nextElementSibling
    else list.insertBefore(child, before)
  }
  for (const child of old.values()) child.remove()
}
