// How often people agreed with the machine, class by class: bars in a table, so that both eyes and ears can read it.

import { address, ask } from "../api.js"
import { byId, disc, h, setText } from "../dom.js"
import { number, percent, t, taxon } from "../words.js"

const CORRECTIONS = 4

export async function drawAgreement() {
  const [body, line] = [byId("agreement-rows"), byId("agreement-blank")]
  line.hidden = false
  setText(line, t("errors.loading"))
  try {
    const { classes: rows, verified, confirmed, share } = await ask("stats/agreement")
    line.hidden = rows.length > 0
    setText(line, t("agreement.none"))
    byId("agreement").hidden = !rows.length
    byId("agreement-csv").href = address("stats/agreement", { format: "csv" })
    setText(byId("agreement-text"), verified ? t("agreement.text", { count: verified, right: confirmed, share: percent(share) }) : "")
    const most = Math.max(...rows.map((row) => row.verified))
    body.replaceChildren(...rows.map((row) => line_of(row, most)))
  } catch (error) {
    line.hidden = false
    setText(line, error.message)
    byId("agreement").hidden = true
  }
}

function line_of(row, most) {
  const entry = taxon(row.label)
  const bar = h("span", { class: "two-bars", "aria-hidden": "true" }, h("i", { class: "right" }), h("i", { class: "wrong" }))
  bar.style.setProperty("--color", entry.color)
  bar.style.setProperty("--right", (row.confirmed / most).toFixed(4))
  bar.style.setProperty("--wrong", (row.corrected / most).toFixed(4))
  const said = row.corrected_to
  return h("tr", {},
    h("th", { scope: "row" }, h("span", { class: "name-line" }, disc(entry), h("span", { text: entry.name }))),
    h("td", { class: "bars" }, bar),
    h("td", { class: "figure", text: number(row.confirmed) }), h("td", { class: "figure", text: number(row.corrected) }),
    h("td", { class: "figure" }, h("b", { text: percent(row.share) })),
    h("td", { class: "instead" }, ...said.slice(0, CORRECTIONS).map(({ label, runs }) => h("span", { class: "instead-of" }, disc(taxon(label)), h("span", { text: `${taxon(label).name} ${number(runs)}` }))),
      ...(said.length > CORRECTIONS ? [h("span", { class: "quiet", text: t("agreement.others", { count: said.length - CORRECTIONS }) })] : [])))
}
