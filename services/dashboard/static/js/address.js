// The address holds a page's state, so that it can be shared, found again by the back button, and read in another language.

export const inAddress = (name) => new URL(location.href).searchParams.get(name)

// Writes what changed; null takes a name away. `replace`: the back button skips what was there.
export function remember(changes, { replace = false } = {}) {
  const address = new URL(location.href)
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === "") address.searchParams.delete(name)
    else address.searchParams.set(name, value)
  }
  if (address.href !== location.href) history[replace ? "replaceState" : "pushState"]({}, "", address)
  keepLanguageLinks()
}

// The other language shows the same.
export function keepLanguageLinks() {
  for (const link of document.querySelectorAll(".languages a")) {
    const target = new URL(location.href)
    target.searchParams.set("lang", link.hreflang)
    link.href = target
  }
}
