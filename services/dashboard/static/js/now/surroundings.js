// What stands around the insects: cameras, queue, model.

import { isAwake } from "../awake.js"
import { byId, drawing, h, keyed, setText } from "../dom.js"
import { percent, since, t } from "../words.js"

let cameras = []

export function setCameras(list) {
  cameras = list
  drawCameras()
}

// Also called once in a while: "2 minutes ago" grows old by itself.
export function drawCameras() {
  const list = byId("cameras")
  if (!cameras.length) {
    list.replaceChildren(h("li", { class: "quiet", text: t("cameras.none") }))
    return
  }
  list.querySelector(".quiet")?.remove()
  keyed(list, cameras, (camera) => camera.id,
    () => h("li", {}, drawing("camera"), h("span", { class: "label" }, h("b"), h("span", { class: "place" })), h("span", { class: "signs" }, h("time"), h("span", { class: "health" }))),
    (item, camera) => {
      item.classList.toggle("awake", isAwake(camera.last, camera.seen))
      setText(item.querySelector("b"), camera.name)
      setText(item.querySelector(".place"), camera.place)
      const time = item.querySelector("time")
      setText(time, camera.last ? since(camera.last) : t("cameras.never"))
      if (camera.last) time.dateTime = camera.last
      const health = [camera.seen ? t("cameras.alive", { since: since(camera.seen) }) : null, camera.battery == null ? null : t("cameras.battery", { percent: percent(camera.battery / 100) })]
      setText(item.querySelector(".health"), health.filter(Boolean).join(" · "))
    })
}

export function setSystem(system) {
  byId("demo").hidden = !system.demo
  const rows = [
    ["waiting", system.waiting ? t("system.waiting", { count: system.waiting }) : t("system.idle"), system.waiting > 0],
    ["workers", system.workers ? t("system.workers", { count: system.workers }) : t("system.no_workers"), !system.workers],
    ["model", system.model ? t("system.model", { model: system.model }) : t("system.no_model"), false],
  ]
  keyed(byId("system"), rows, ([key]) => key, () => h("li"), (item, [, text, busy]) => {
    setText(item, text)
    item.classList.toggle("busy", busy)
  })
}
