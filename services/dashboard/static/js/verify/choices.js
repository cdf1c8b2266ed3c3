// The names to choose from: what the machine saw, best first, and all classes by search.

import { byId, disc, h, name } from "../dom.js"
import { percent, start, t, taxon } from "../words.js"

// The run's class first, then by the mean probability over all its pictures.
export function ranked(detail, count = 5) {
  const { run, classifications } = detail
  const said = classifications.find(({ model_id: id }) => id === run.result?.model_id) ?? classifications[0]
  const sums = new Map()
  for (const image of said?.images ?? []) for (const { label, probability } of image.top) sums.set(label, (sums.get(label) ?? 0) + probability / said.images.length)
  const first = run.result?.label
  if (first && !sums.has(first)) sums.set(first, run.result.probability_weighted)
  if (run.result?.runner_up && !sums.has(run.result.runner_up.label)) sums.set(run.result.runner_up.label, run.result.runner_up.probability)
  const rows = [...sums].sort(([a, p], [b, q]) => (b === first) - (a === first) || q - p)
  return rows.slice(0, count).map(([label, probability]) => ({ label, probability }))
}

// Which "no insect" the machine thinks of most; the empty platform where it thinks of none.
export function noInsects(detail) {
  const labels = Object.keys(start.taxonomy).filter((label) => !taxon(label).insect)
  const order = detail ? ranked(detail, 99).map(({ label }) => label) : []
  const place = (label) => (order.includes(label) ? order.indexOf(label) : label === "none_bg" ? 90 : 99)
  return labels.sort((a, b) => place(a) - place(b))
}

export function choice(label, { key = null, share = null } = {}) {
  const entry = taxon(label)
  return h("button", { type: "button", class: "choice", "data-label": label },
    key ? h("kbd", { "aria-hidden": "true", text: key }) : null, disc(entry), h("span", { class: "label" }, name(entry.name)),
    share === null ? null : h("span", { class: "share", text: percent(share) }))
}

// The palette: a dialog with all classes; resolves to a label, or null where it was closed.
export function pick(labels = null, title = t("verify.all_classes")) {
  const dialog = byId("palette")
  const [field, list] = [dialog.querySelector("input"), dialog.querySelector("ul")]
  const all = labels ?? Object.keys(start.taxonomy).sort((a, b) => taxon(b).insect - taxon(a).insect || taxon(a).name.localeCompare(taxon(b).name))
  const numbered = labels !== null
  let at = 0
  dialog.querySelector("h2").textContent = title
  dialog.querySelector(".field").hidden = numbered
  dialog.querySelector(".hint").hidden = !numbered

  const matching = () => {
    const wanted = numbered ? "" : plain(field.value)
    return all.filter((label) => [label, taxon(label).name, taxon(label).sci].some((text) => plain(text).includes(wanted)))
  }
  const draw = () => {
    const found = matching()
    at = Math.max(0, Math.min(at, found.length - 1))
    list.replaceChildren(...(found.length ? found.map((label, index) => {
      const button = choice(label, { key: numbered ? String(index + 1) : null })
      button.classList.toggle("chosen", index === at)
      return h("li", {}, button)
    }) : [h("li", { class: "quiet", text: t("verify.no_class") })]))
    list.querySelector(".chosen")?.scrollIntoView({ block: "nearest" })
  }

  return new Promise((done) => {
    const over = new AbortController()
    const finish = (label) => { over.abort(); if (dialog.open) dialog.close(); done(label) }
    const listen = (target, event, heard) => target.addEventListener(event, heard, { signal: over.signal })
    listen(dialog, "close", () => finish(null))
    listen(dialog.querySelector(".close"), "click", () => finish(null))
    listen(list, "click", (event) => { const button = event.target.closest(".choice"); if (button) finish(button.dataset.label) })
    listen(field, "input", () => { at = 0; draw() })
    listen(dialog, "keydown", (event) => {
      event.stopPropagation()
      const found = matching()
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
      if (step) { event.preventDefault(); at = (at + step + found.length) % found.length; draw() }
      else if (event.key === "Enter" && !event.target.closest(".close")) { event.preventDefault(); if (found[at]) finish(found[at]) }
      else if (numbered && /^[1-9]$/.test(event.key) && found[event.key - 1]) { event.preventDefault(); finish(found[event.key - 1]) }
      else if (numbered && event.key.toLowerCase() === "n") { event.preventDefault(); finish(found[0]) }
    })
    field.value = ""
    draw()
    dialog.showModal()
    if (numbered) list.querySelector("button")?.focus()
    else field.focus()
  })
}

const plain = (text) => text.toLocaleLowerCase().normalize("NFD").replace(/\p{Diacritic}/gu, "")
