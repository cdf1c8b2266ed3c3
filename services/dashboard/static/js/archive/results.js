// What each model said of a run, and how its name came about, in plain words.

import { byId, disc, h, name, setText } from "../dom.js"
import { certaintyMark, nameLine } from "../runs.js"
import { clock, number, percent, t, taxon } from "../words.js"

// All results, the one in force first; a run may have one whose document per picture is missing.
export function resultsOf({ run, classifications }) {
  const found = new Map()
  if (run.result) found.set(run.result.model_id, { model_id: run.result.model_id, result: run.result, images: [] })
  for (const each of classifications) found.set(each.model_id, each)
  return [...found.values()]
}

export const topsOf = (classification) => new Map((classification?.images ?? []).map((image) => [image.sha256, image]))

export function drawModels(results, chosen, run, onChoice) {
  byId("models").hidden = results.length < 2
  byId("models-rows").replaceChildren(...results.map(({ model_id: model, result }) => {
    const radio = h("input", { type: "radio", name: "model", value: model, checked: model === chosen })
    radio.addEventListener("change", () => onChoice(model))
    return h("label", {}, radio, nameLine(result.label), certaintyMark(result), h("small", { text: notes(model, result, run) }))
  }))
}

function notes(model, result, run) {
  const said = [model, t("run.top_images", { n: result.top1_images, count: result.images }), clock(result.classified_at)]
  if (run.result?.model_id === model) said.unshift(t("run.in_force"))
  if (result.demo_model) said.push(t("run.demo_model"))
  return said.join(" · ")
}

export function drawReasons(result) {
  byId("reasons").hidden = !result
  byId("reasons-none").hidden = Boolean(result)
  if (!result) return
  const entry = taxon(result.label)
  const values = { n: result.top1_images, all: result.images, name: entry.name, mean: percent(result.probability_mean), weighted: percent(result.probability_weighted), word: t(`certainty.${result.certainty}`) }
  setText(byId("reason-share"), t("run.reason_share", { ...values, count: result.images }))
  setText(byId("reason-mean"), t("run.reason_mean", values))
  setText(byId("reason-product"), t("run.reason_product", values))
  setText(byId("reason-certainty"), t(`run.reason_${result.certainty}`, values))
  byId("formula").replaceChildren(
    step(values.mean, t("run.p_c")), sign("×"), step(`${number(values.n)} / ${number(values.all)}`, t("run.share")), sign("="), step(values.weighted, t("run.weighted")))
  const rows = [{ label: result.label, probability: result.probability_weighted }, ...(result.runner_up ? [result.runner_up] : [])]
  bars(byId("rivals"), rows)
  setText(byId("runner-up"), result.runner_up ? t("run.runner_up", { name: taxon(result.runner_up.label).name, share: percent(result.runner_up.probability) }) : t("run.no_runner_up"))
}

const sign = (text) => h("span", { class: "sign", text })
const step = (value, word) => h("span", { class: "step" }, h("b", { text: value }), h("small", { text: word }))

// The classes of one picture, as bars.
export function drawTop(image, at, of) {
  setText(byId("top-title"), t("run.top_title", { at: at + 1, of }))
  const line = byId("top-note")
  setText(line, image ? (image.error ? t("run.unreadable", { reason: image.error }) : "") : t("run.no_top"))
  line.hidden = !line.textContent
  bars(byId("top"), image?.top ?? [])
}

function bars(list, scores) {
  list.replaceChildren(...scores.map(({ label, probability }) => {
    const entry = taxon(label)
    const bar = h("i", { class: "bar", "aria-hidden": "true" })
    bar.style.setProperty("--color", entry.color)
    bar.style.setProperty("--part", probability.toFixed(4))
    return h("li", {}, disc(entry), h("span", { class: "label" }, name(entry.name), bar), h("b", { text: probability > 0 && probability < 0.005 ? t("run.below_one") : percent(probability) }))
  }))
}

// Every picture and its classes, for whoever reads tables.
export function drawTable(run, tops) {
  byId("frames-rows").replaceChildren(...run.images.map((image, at) => {
    const said = tops.get(image.sha256)
    const words = said?.error ? said.error : (said?.top ?? []).map(({ label, probability }) => `${taxon(label).name} ${percent(probability)}`).join(" · ")
    return h("tr", {}, h("th", { scope: "row", text: number(at + 1) }), h("td", { text: words || "–" }),
      h("td", { class: "figure", text: `${image.width} × ${image.height}` }), h("td", { class: "file", text: image.file_name }))
  }))
}
