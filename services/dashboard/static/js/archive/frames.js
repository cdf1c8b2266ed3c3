// All pictures of a run: a stage, a strip below it, and the animation. Shared by the archive and the verify page.

import { disc, h, setText } from "../dom.js"
import { pictureOf } from "../runs.js"
import { percent, t, taxon } from "../words.js"

const FRAME_MS = 180
const stillness = matchMedia("(prefers-reduced-motion: reduce)")

export class Frames {
  // `root` holds .stage img, .frame-play, .frame-slider, .frame-count and .strip.
  constructor(root, { onFrame = () => {} } = {}) {
    this.root = root
    this.onFrame = onFrame
    this.images = []
    this.at = 0
    this.timer = 0
    this.part("play").addEventListener("click", () => this.toggle())
    this.part("slider").addEventListener("input", (event) => { this.pause(); this.show(Number(event.target.value)) })
    root.querySelector(".strip").addEventListener("click", (event) => {
      const button = event.target.closest("button")
      if (button) { this.pause(); this.show(Number(button.dataset.at)) }
    })
  }

  part(name) {
    return this.root.querySelector(`.frame-${name}`)
  }

  // `tops`: by hash, the classes of each picture; `alt`: what the pictures show, in words.
  open(images, { at = 0, alt = "", tops = new Map(), still = false } = {}) {
    this.pause()
    this.images = images
    this.still = still // nothing to animate: most pictures are gone
    this.alt = alt
    this.part("play").hidden = still
    this.part("slider").max = String(images.length - 1)
    this.root.querySelector(".frame-tools").hidden = images.length < 2
    this.root.querySelector(".strip").hidden = images.length < 2
    this.root.querySelector(".strip").replaceChildren(...images.map((image, index) => h("li", {},
      h("button", { type: "button", "data-at": index, "aria-label": t("frames.choose", { at: index + 1, of: images.length }) },
        h("img", { src: pictureOf(image), alt: "", loading: "lazy", decoding: "async" }), h("span", { class: "said-of" })))))
    this.mark(tops)
    this.show(Math.min(at, images.length - 1))
  }

  // Under each picture what the model saw in it.
  mark(tops) {
    for (const [index, item] of [...this.root.querySelector(".strip").children].entries()) {
      const top = tops.get(this.images[index].sha256)?.top[0]
      item.querySelector(".said-of").replaceChildren(...(top ? [disc(taxon(top.label)), h("span", { text: percent(top.probability) })] : []))
    }
  }

  show(at) {
    if (!this.images.length) return
    this.at = (at + this.images.length) % this.images.length
    const image = this.images[this.at]
    const big = this.root.querySelector(".stage img")
    big.src = pictureOf(image)
    big.alt = this.alt
    this.part("slider").value = String(this.at)
    this.part("slider").setAttribute("aria-valuetext", t("frames.count", { at: this.at + 1, of: this.images.length }))
    setText(this.part("count"), t("frames.count", { at: this.at + 1, of: this.images.length }))
    for (const button of this.root.querySelectorAll(".strip button")) {
      const current = Number(button.dataset.at) === this.at
      button.toggleAttribute("aria-current", current)
      if (current) center(button.parentElement)
    }
    this.onFrame(this.at)
  }

  toggle() {
    if (this.timer) this.pause()
    else this.play()
  }

  play() {
    if (this.images.length < 2 || this.timer || this.still) return
    this.timer = setInterval(() => this.show(this.at + 1), stillness.matches ? FRAME_MS * 5 : FRAME_MS)
    this.say()
  }

  pause() {
    clearInterval(this.timer)
    this.timer = 0
    this.say()
  }

  say() {
    const playing = Boolean(this.timer)
    this.part("play").dataset.playing = String(playing)
    setText(this.part("play").querySelector("span"), t(playing ? "frames.pause" : "frames.play"))
  }

  // Motion starts by itself only for whoever has not asked for stillness.
  greet() {
    if (!stillness.matches && this.images.length > 1) this.play()
  }

  get playing() {
    return Boolean(this.timer)
  }
}

// Only the strip scrolls, never the page.
function center(item) {
  const strip = item.parentElement
  strip.scrollLeft = item.offsetLeft - strip.offsetLeft - (strip.clientWidth - item.clientWidth) / 2
}
