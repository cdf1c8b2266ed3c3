// One visit in a dialog: all its pictures as a strip and as an animation, with what is known of it.

import { address, ask } from "./api.js"
import { credit } from "./credit.js"
import { disc, h, name, setText } from "./dom.js"
import { goneWords, hasPictures, picturesOf } from "./gone.js"
import { fill } from "./states.js"
import { clock, percent, start, t, taxon } from "./words.js"

const FRAME_MS = 260
const STILL = matchMedia("(prefers-reduced-motion: reduce)")
const KEY = /^runs\/([0-9a-f]{32}\/[0-9a-f]{64}\.(?:jpg|png|webp))$/

export const imagePath = (key) => (KEY.test(key) ? `/api/v1/images/${key.slice(5)}` : "")

let dialog = null

// Opens the dialog; `cameras` are those of the snapshot, by id.
export function showVisit(id, cameras) {
  dialog?.remove()
  const close = h("button", { type: "button", class: "close", "aria-label": t("pictures.close"), title: t("pictures.close"), text: "×" })
  const body = h("div", { class: "visit", "aria-live": "off" }, h("p", { class: "quiet", text: t("errors.loading") }))
  dialog = h("dialog", { class: "pictures", "aria-labelledby": "visit-title" }, close, body)
  document.body.append(dialog)
  const player = { timer: 0 }
  close.addEventListener("click", () => dialog.close())
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close())
  dialog.addEventListener("close", () => { clearInterval(player.timer); dialog.remove() }, { once: true })
  dialog.showModal()
  fill(body, (signal) => ask(`runs/${id}`, {}, { signal }), ({ run }) => draw(body, run, cameras.get(run.camera_id), player))
}

function draw(body, run, camera, player) {
  const result = run.verification ? { label: run.verification.label } : run.result
  const entry = result ? taxon(result.label) : null
  const title = entry?.name ?? t("pictures.unnamed")
  const first = Math.max(0, run.images.findIndex((image) => image.sha256 === run.result?.best_image))
  const pictures = picturesOf(run, first).map((image) => image.src ?? imagePath(image.object_key))
  const large = h("img", { alt: title })
  const count = h("p", { class: "count", role: "status" })
  const play = h("button", { type: "button", class: "button" })
  const strip = h("ol", { class: "strip", "aria-label": t("pictures.strip") },
    ...pictures.map((src, at) => h("li", {},
      h("button", { type: "button", "aria-label": t("pictures.frame", { number: at + 1, count: pictures.length }) },
        h("img", { src, alt: "", loading: "lazy", decoding: "async" })))))
  const buttons = [...strip.querySelectorAll("button")]
  let shown = -1

  const show = (at, { scroll = true } = {}) => {
    shown = (at + pictures.length) % pictures.length
    large.src = pictures[shown]
    buttons.forEach((button, number) => button.setAttribute("aria-current", String(number === shown)))
    if (scroll) strip.scrollTo({ left: buttons[shown].offsetLeft - strip.clientWidth / 2, behavior: "instant" })
    if (!player.timer) setText(count, t("pictures.frame", { number: shown + 1, count: pictures.length }))
  }
  const move = (moving) => {
    clearInterval(player.timer)
    player.timer = moving ? setInterval(() => show(shown + 1), FRAME_MS) : 0
    setText(play, t(moving ? "pictures.pause" : "pictures.play"))
    if (!moving) show(shown)
  }

  play.addEventListener("click", () => move(!player.timer))
  buttons.forEach((button, at) => button.addEventListener("click", () => { move(false); show(at) }))
  dialog.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
    if (!step) return
    event.preventDefault()
    move(false)
    show(shown + step)
    if (buttons.includes(document.activeElement)) buttons[shown].focus()
  })

  body.replaceChildren(
    h("header", {}, entry ? disc(entry) : null, h("div", {}, h("h2", { id: "visit-title" }, name(title)), h("p", { class: "sci", lang: "la", text: entry?.sci ?? "" }))),
    h("figure", {}, h("div", { class: "stage" }, large), h("figcaption", { text: credit(camera, run.camera_id) })),
    h("div", { class: "controls" }, pictures.length > 1 && !run.pictures_gone ? play : null, count),
    pictures.length > 1 ? strip : "",
    run.pictures_gone ? h("p", { class: "quiet", text: goneWords(run) }) : "",
    facts(run, camera),
    h("p", { class: "more" }, ...links(run)))
  show(first)
  move(pictures.length > 1 && !STILL.matches && !run.pictures_gone)
}

function facts(run, camera) {
  const rows = [
    [t("pictures.certainty"), run.result ? `${t(`certainty.${run.result.certainty}`)}, ${percent(run.result.probability_weighted)}` : null],
    [t("pictures.camera"), [camera?.name ?? run.camera_id, camera?.place].filter(Boolean).join(", ")],
    [t("pictures.time"), clock(run.sort_at, camera?.zone)],
    [t("pictures.duration"), duration(run.duration_s)],
  ]
  return h("dl", { class: "facts" }, ...rows.filter(([, value]) => value).map(([term, value]) => h("div", {}, h("dt", { text: term }), h("dd", { text: value }))))
}

export function duration(seconds) {
  if (!(seconds >= 0) || seconds > 86400) return null
  return seconds < 120 ? t("pictures.seconds", { count: Math.round(seconds) }) : t("pictures.minutes", { count: Math.round(seconds / 60) })
}

function links(run) {
  const found = hasPictures(run) ? [h("a", { href: address(`runs/${run.run_id}/images.zip`), download: true, text: t("pictures.download") })] : []
  if (start.pages.archive) found.unshift(h("a", { href: `${start.pages.archive}?lang=${start.lang}&run=${run.run_id}`, text: t("pictures.whole") }))
  return found
}
