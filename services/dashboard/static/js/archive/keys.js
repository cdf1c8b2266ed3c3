// Arrow keys walk over links that lie in rows; each of them stays reachable by Tab as well.

export function moveFocus(event, selector, grid) {
  const links = [...document.querySelectorAll(selector)]
  const at = links.indexOf(document.activeElement)
  if (at < 0) {
    if (event.key === "ArrowDown" && document.activeElement === document.body && links.length) focus(event, links[0])
    return
  }
  const columns = grid ? columnsOf(links) : 1
  const step = { ArrowLeft: grid ? -1 : 0, ArrowRight: grid ? 1 : 0, ArrowUp: -columns, ArrowDown: columns }[event.key]
  if (step) focus(event, links[at + step])
}

export function columnsOf(elements) {
  const top = elements[0]?.getBoundingClientRect().top
  const second = elements.findIndex((element) => element.getBoundingClientRect().top > top + 2)
  return second < 0 ? elements.length : second
}

function focus(event, link) {
  if (!link) return
  event.preventDefault()
  link.focus()
  link.scrollIntoView({ block: "nearest" })
}
