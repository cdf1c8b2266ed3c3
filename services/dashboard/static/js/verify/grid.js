// Many at once: pictures to select, by click, by Shift for a stretch, by keyboard; then one word for all of them.

import { columnsOf } from "../archive/keys.js"
import { byId, disc, h, keyed, name, setText } from "../dom.js"
import { certaintyMark, checkedMark, labelOf, pictureOf, bestOf, say } from "../runs.js"
import { t, taxon } from "../words.js"
import { noInsects, pick } from "./choices.js"
import { decide } from "./decisions.js"

let page = null
const selected = new Set()
let anchor = 0

export function startGrid(holder) {
  page = holder
  byId("grid").addEventListener("click", (event) => {
    const button = event.target.closest("button")
    if (button) choose(buttons().indexOf(button), event.shiftKey)
  })
  byId("grid-all").addEventListener("click", selectAll)
  byId("grid-confirm").addEventListener("click", confirm)
  byId("grid-none").addEventListener("click", noInsect)
  byId("grid-other").addEventListener("click", other)
  byId("grid-more").addEventListener("click", async () => { await page.load(); drawGrid() })
}

const buttons = () => [...byId("grid").querySelectorAll("button")]
// What somebody else decided meanwhile is not decided again by the way.
const chosen = () => page.runs.filter((run) => selected.has(run.run_id) && !run.elsewhere)

export function clearSelection() {
  selected.clear()
  anchor = 0
}

export function drawGrid() {
  keyed(byId("grid"), page.runs, (run) => run.run_id, tile, fillTile)
  byId("grid-more").hidden = page.over()
  const count = chosen().length
  setText(byId("grid-count"), t("verify.selected", { count }))
  for (const id of ["grid-confirm", "grid-none", "grid-other"]) byId(id).disabled = !count
  setText(byId("grid-all"), t(count && count === page.runs.length ? "verify.select_none" : "verify.select_all"))
}

const tile = (run) => h("li", {}, h("button", { type: "button", class: "pick" },
  h("span", { class: "picture" }, h("img", { src: pictureOf(run.images[bestOf(run)]), alt: "", loading: "lazy", decoding: "async" }), h("span", { class: "tickmark", "aria-hidden": "true", text: "✓" })),
  h("span", { class: "words" }, h("span", { class: "who" }), h("span", { class: "certainty" }))))

function fillTile(item, run) {
  const button = item.firstElementChild
  const label = labelOf(run)
  button.setAttribute("aria-pressed", String(selected.has(run.run_id) && !run.elsewhere))
  item.classList.toggle("done", Boolean(run.verification))
  const signature = JSON.stringify([label, run.verification?.verdict])
  if (item.dataset.signature === signature) return
  item.dataset.signature = signature
  item.querySelector(".who").replaceChildren(disc(taxon(label)), name(taxon(label).name))
  item.querySelector(".certainty").replaceChildren(run.verification ? checkedMark(run.verification) : certaintyMark(run.result))
}

function choose(at, stretch) {
  if (at < 0) return
  if (stretch) {
    const [from, to] = [Math.min(anchor, at), Math.max(anchor, at)]
    for (const run of page.runs.slice(from, to + 1)) selected.add(run.run_id)
  } else {
    const { run_id: id } = page.runs[at]
    if (!selected.delete(id)) selected.add(id)
    anchor = at
  }
  drawGrid()
}

function selectAll() {
  if (chosen().length === page.runs.length) selected.clear()
  else for (const run of page.runs) selected.add(run.run_id)
  drawGrid()
}

function settle(labelFor, word) {
  const runs = chosen()
  if (!runs.length) return
  decide(runs.map((run) => [run, labelFor(run)]))
  say(t("verify.said_many", { count: runs.length, name: word }))
  selected.clear()
  drawGrid()
}

const confirm = () => settle(labelOf, t("checked.confirmed"))

async function ask(labels, title) {
  if (!chosen().length) return
  const label = await pick(labels, title)
  if (label) settle(() => label, taxon(label).name)
}

const other = () => ask(null)
const noInsect = () => ask(noInsects(null), t("verify.no_insect_which"))

export function gridKey(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key
  const all = buttons()
  const at = all.indexOf(document.activeElement)
  const columns = columnsOf(all)
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[key]
  if (by && all.length) {
    event.preventDefault()
    const to = at < 0 ? 0 : Math.max(0, Math.min(all.length - 1, at + by))
    all[to].focus()
    if (event.shiftKey) choose(to, true)
    return true
  }
  if (key === "Enter" && event.target.closest("button, a, summary") && at < 0) return false
  const act = { Enter: confirm, n: noInsect, "/": other, o: other, a: selectAll, Escape: () => { selected.clear(); drawGrid() }, ...(at >= 0 ? { " ": () => choose(at, event.shiftKey) } : {}) }[key]
  if (!act) return false
  event.preventDefault()
  act()
  return true
}
