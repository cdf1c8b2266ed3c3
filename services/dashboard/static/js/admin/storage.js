// How much is stored, by kind, and how much room the disks have left. The rules of keeping are retention.js's.

import { ask } from "../api.js"
import { byId, h, setText } from "../dom.js"
import { number, percent, since, t } from "../words.js"
import { every, keepFilled } from "./every.js"
import { bytes } from "./pieces.js"
import { openRules, startRules } from "./retention.js"

const REFRESH_S = 15
const KINDS = ["pictures", "previews", "exports", "models", "database"]
const LITTLE = 0.1
let stop = null

export const start = startRules

export function open() {
  openRules()
  stop?.()
  stop = every(REFRESH_S, () => keepFilled(byId("storage-body"), () => ask("system"), draw))
}

export function close() {
  stop?.()
}

function draw({ storage, disks }) {
  byId("storage-counting").hidden = storage !== null
  if (storage) {
    const most = Math.max(1, ...KINDS.map((kind) => storage.bytes[kind]))
    byId("storage-kinds").replaceChildren(...KINDS.map((kind) => {
      const amount = bytes(storage.bytes[kind])
      const about = kind === "pictures" ? t("store.pictures_of", { images: storage.images, runs: storage.runs }) : null
      return meter(t(`store.${kind}`), storage.at_least.includes(kind) ? t("store.at_least", { amount }) : amount, storage.bytes[kind] / most, about)
    }))
    setText(byId("storage-counted"), t("store.counted", { since: since(storage.counted_at) }))
  }
  byId("disks-title").hidden = !disks.length
  byId("storage-disks").replaceChildren(...disks.map((disk) => {
    const free = disk.total_bytes ? disk.free_bytes / disk.total_bytes : 0
    const name = disk.of === "database" ? t("store.disk_database") : t("store.disk_spool", { host: disk.of.replace(/^spool /, "") })
    return meter(name, t("store.free", { free: bytes(disk.free_bytes), share: percent(free) }), 1 - free, null, free < LITTLE)
  }))
}

function meter(name, value, share, about, bad = false) {
  const bar = h("span", { class: `bar${bad ? " bad" : ""}`, "aria-hidden": "true" })
  bar.style.setProperty("--part", share.toFixed(4))
  bar.style.setProperty("--color", bad ? "var(--amber)" : "var(--green)")
  return h("li", {}, h("span", { class: "meter-line" }, h("span", { text: name }), h("b", { text: value })), bar, about ? h("small", { text: about }) : null)
}
