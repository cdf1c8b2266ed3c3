// One run after the other: big picture, the machine's names as numbered buttons, everything by keyboard.

import { Frames } from "../archive/frames.js"
import { topsOf } from "../archive/results.js"
import { ask } from "../api.js"
import { byId, h, setText } from "../dom.js"
import { bestOf, certaintyMark, checkedMark, labelOf, pictureOf, say } from "../runs.js"
import { clock, t, taxon } from "../words.js"
import { choice, noInsects, pick, ranked } from "./choices.js"
import { decide } from "./decisions.js"

const AHEAD = 3 // runs read before they are wanted

let frames = null
let page = null // { queue(), runs, cameras, at }
let shown = null
const details = new Map()

export function startSingle(holder) {
  page = holder
  frames = new Frames(byId("frames"))
  byId("choices").addEventListener("click", (event) => {
    const button = event.target.closest(".choice")
    if (button) settle(button.dataset.label)
  })
  byId("confirm").addEventListener("click", confirm)
  byId("no-insect").addEventListener("click", noInsect)
  byId("other-class").addEventListener("click", other)
  byId("skip").addEventListener("click", () => step(1))
  byId("before").addEventListener("click", () => step(-1))
}

const current = () => page.runs[page.at] ?? null

function detailOf(run) {
  if (!details.has(run.run_id)) {
    if (details.size > 60) details.delete(details.keys().next().value)
    const asked = ask(`runs/${run.run_id}`)
    asked.catch(() => details.delete(run.run_id))
    details.set(run.run_id, asked)
  }
  return details.get(run.run_id)
}

export async function drawSingle() {
  const run = current()
  byId("one").hidden = !run
  if (!run) {
    shown = null
    frames.pause()
    return
  }
  const camera = page.cameras.find(({ camera_id: id }) => id === run.camera_id)
  byId("one-says").replaceChildren(h("span", { text: t("verify.machine_says", { name: taxon(run.result.label).name }) }), certaintyMark(run.result), ...(run.verification ? [checkedMark(run.verification)] : []),
    ...(run.elsewhere ? [h("span", { class: "small", text: t("checked.by", { name: run.verification.verified_by }) })] : []))
  setText(byId("one-meta"), `${camera?.name ?? run.camera_id} · ${clock(run.sort_at, camera?.timezone)}`)
  setText(byId("confirm-name"), taxon(labelOf(run)).name)
  byId("one-archive").href = archiveAddress(run)
  byId("before").disabled = page.at === 0
  if (shown?.run.run_id === run.run_id) return
  shown = { run, detail: null }
  frames.open(run.images, { at: bestOf(run), alt: t("verify.picture_alt") })
  drawChoices([{ label: run.result.label, probability: run.result.probability_weighted }, ...(run.result.runner_up ? [run.result.runner_up] : [])])
  const mine = shown
  try {
    const detail = await detailOf(run)
    if (shown !== mine) return
    mine.detail = detail
    drawChoices(ranked(detail))
    frames.mark(topsOf(detail.classifications.find(({ model_id: id }) => id === run.result.model_id)))
  } catch {
    // the two names of the result are there already
  }
  for (const next of page.runs.slice(page.at + 1, page.at + 1 + AHEAD)) {
    detailOf(next).catch(() => {})
    new Image().src = pictureOf(next.images[bestOf(next)])
  }
}

function drawChoices(rows) {
  byId("choices").replaceChildren(...rows.map(({ label, probability }, index) => h("li", {}, choice(label, { key: String(index + 1), share: probability }))))
}

function archiveAddress(run) {
  const address = new URL("/archive", location.href)
  address.searchParams.set("lang", document.documentElement.lang)
  address.searchParams.set("run", run.run_id)
  return address.href
}

function settle(label) {
  const run = current()
  if (!run || !label) return
  decide([[run, label]])
  say(t("verify.said", { name: taxon(label).name }))
  step(1)
}

export async function step(by) {
  await page.reach(page.at + by)
  await drawSingle()
}

const confirm = () => settle(labelOf(current() ?? {}))
const other = async () => settle(await pick())
const noInsect = async () => settle(await pick(noInsects(shown?.detail), t("verify.no_insect_which")))

export function singleKey(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key
  if (key === "Enter" && event.target.closest("button, a, summary")) return false
  const button = /^[1-9]$/.test(key) ? byId("choices").querySelectorAll(".choice")[key - 1] : null
  const act = button ? () => settle(button.dataset.label) : {
    Enter: confirm, n: noInsect, "/": other, o: other, ArrowRight: () => step(1), ArrowLeft: () => step(-1), " ": () => frames.toggle(),
    ".": () => { frames.pause(); frames.show(frames.at + 1) }, ",": () => { frames.pause(); frames.show(frames.at - 1) },
  }[key]
  if (!act || (key === " " && event.target.closest("button, a, summary"))) return false
  event.preventDefault()
  act()
  return true
}
