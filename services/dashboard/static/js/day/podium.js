// The three most frequent guests, each with a picture and something true to know.

import { ask } from "../api.js"
import { creditLine } from "../credit.js"
import { disc, h, keyed, name, setText } from "../dom.js"
import { showVisit } from "../pictures.js"
import { thumbnail } from "../thumbnails.js"
import { percent, start, t } from "../words.js"

const cameras = new Map(start.snapshot.cameras.cameras.map((camera) => [camera.id, camera]))

export function podium(list, rows, total, day) {
  keyed(list, rows, (row) => `${day} ${row.label}`, ({ entry, label }) => {
    const fact = start.facts[label]
    const item = h("li", { class: "guest" },
      h("div", { class: "portrait" }, disc(entry)),
      h("div", {},
        h("p", { class: "rank" }), h("p", { class: "who" }, name(entry.name)), h("p", { class: "sci", lang: "la", text: entry.sci }), h("p", { class: "visits" })),
      fact ? h("blockquote", { class: "fact" }, h("p", { text: fact.text }), h("footer", {}, source(fact))) : null,
      h("p", { class: "credit" }))
    portrait(item, label, day, entry)
    return item
  }, (item, row) => {
    setText(item.querySelector(".rank"), t("whole_day.rank", { rank: rows.indexOf(row) + 1 }))
    setText(item.querySelector(".visits"), t("whole_day.visits_share", { visits: t("whole_day.count", { count: row.count }), share: percent(row.count / total) }))
  })
}

function source({ source: work, doi }) {
  const text = t("whole_day.source", { source: work })
  return doi ? h("a", { href: ["https:", "", "doi.org", doi].join("/"), rel: "noopener", text }) : h("span", { text })
}

async function portrait(item, label, day, entry) {
  const { items } = await ask("runs", { day, class: label, certainty: "sure", limit: 1 }).catch(() => ({ items: [] }))
  const run = items[0]
  if (!run) return
  item.querySelector(".portrait").prepend(thumbnail(run))
  const open = h("button", { type: "button", class: "open", "aria-label": t("pictures.open", { name: entry.name }) })
  open.addEventListener("click", () => showVisit(run.run_id, cameras))
  item.querySelector(".portrait").append(open)
  item.querySelector(".credit").replaceChildren(...creditLine(cameras.get(run.camera_id), run.camera_id))
}
