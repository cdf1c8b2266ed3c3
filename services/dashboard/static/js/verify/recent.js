// The decisions of this sitting, newest first, each with a way back.

import { byId, h, keyed, setText } from "../dom.js"
import { nameLine } from "../runs.js"
import { number, since, t } from "../words.js"
import { decisions, undo } from "./decisions.js"

const SHOWN = 8

export function startRecent() {
  byId("recent").addEventListener("click", (event) => {
    const button = event.target.closest("button")
    const decision = button && decisions().find((each) => keyOf(each) === button.closest("li").dataset.key)
    if (decision) undo(decision)
  })
  byId("undo").addEventListener("click", () => undo())
  setInterval(drawRecent, 15000)
}

const keyOf = (decision) => `${decision.at.getTime()}.${decision.pairs[0].run.run_id}`

export function drawRecent() {
  const rows = decisions().slice(0, SHOWN)
  const kept = decisions().filter(({ state }) => state === "kept" || state === "sending").reduce((sum, { pairs }) => sum + pairs.length, 0)
  setText(byId("recent-count"), kept ? t("verify.done", { count: kept }) : t("verify.none_done"))
  byId("undo").disabled = !rows.some(({ state }) => state === "sending" || state === "kept")
  keyed(byId("recent"), rows, keyOf,
    () => h("li", {}, h("span", { class: "what" }), h("span", { class: "meta" }), h("button", { type: "button", class: "button small-button", text: t("verify.undo") })),
    (item, decision) => {
      const labels = new Set(decision.pairs.map(({ label }) => label))
      item.dataset.state = decision.state
      item.querySelector(".what").replaceChildren(
        ...(labels.size === 1 ? [nameLine(decision.pairs[0].label)] : [h("span", { text: t("verify.various") })]),
        ...(decision.pairs.length > 1 ? [h("small", { text: `× ${number(decision.pairs.length)}` })] : []))
      setText(item.querySelector(".meta"), decision.state === "kept" ? since(decision.at.toISOString()) : t(`verify.state_${decision.state}`))
      item.querySelector("button").disabled = !["sending", "kept"].includes(decision.state)
    })
}
