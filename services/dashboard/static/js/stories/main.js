// The story desk: a day's leads as cards. The address holds the day.

import { inAddress, keepLanguageLinks, remember } from "../address.js"
import { ask } from "../api.js"
import { byId, disc, h, setText } from "../dom.js"
import { fill } from "../states.js"
import { lang, longDay, shortDay, t, taxon } from "../words.js"

const languages = lang === "de" ? ["de", "en"] : ["en", "de"]
let days = []

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text)
  } catch {
    // Without HTTPS a browser has no clipboard for pages; a selection can be copied everywhere.
    const area = h("textarea", { class: "sr-only", "aria-hidden": "true" })
    area.value = text
    document.body.append(area)
    area.select()
    document.execCommand("copy")
    area.remove()
    button.focus()
  }
  const before = button.dataset.text
  setText(button, t("stories.copied"))
  setText(byId("said"), t("stories.copied"))
  setTimeout(() => setText(button, before), 2000)
}

function copyButton(story, language) {
  const text = t(`stories.copy_${language}`)
  const button = h("button", { type: "button", class: "button", "data-text": text, text })
  button.addEventListener("click", () => copy(story[`sentence_${language}`], button))
  return button
}

function card(story) {
  const kind = h("p", { class: "kicker", text: t(`stories.kind_${story.kind}`) })
  const sentences = languages.map((language) => h("blockquote", { lang: language, text: story[`sentence_${language}`] }))
  const note = story.counts_visits ? h("p", { class: "note", text: t("stories.visits") }) : null
  const proof = h("a", { href: `/archive?lang=${lang}&${story.evidence}`, text: t("stories.evidence") })
  const foot = h("footer", {}, ...languages.map((language) => copyButton(story, language)), proof)
  const head = h("header", {}, story.label ? disc(taxon(story.label)) : null, kind)
  return h("li", { class: "story", "data-kind": story.kind }, head, ...sentences, note, foot)
}

function show(answer) {
  setText(byId("stories-day"), longDay(answer.day))
  byId("cards").replaceChildren(...answer.items.map(card))
  byId("none").hidden = answer.items.length > 0
  choose(answer.day)
}

function choose(day) {
  const select = byId("day")
  if (![...select.options].some((option) => option.value === day)) select.prepend(h("option", { value: day, text: shortDay(day) }))
  select.value = day
  const at = days.indexOf(day)
  byId("earlier").disabled = at < 0 || at >= days.length - 1
  byId("later").disabled = at <= 0
}

function load() {
  return fill(byId("stories"), (signal) => ask("stories", { day: inAddress("day") }, { signal }), show)
}

function go(day) {
  remember({ day })
  load()
}

function step(by) {
  const day = days[days.indexOf(byId("day").value) + by]
  if (day) go(day)
}

byId("day").addEventListener("change", (event) => go(event.target.value))
byId("earlier").addEventListener("click", () => step(1))
byId("later").addEventListener("click", () => step(-1))
addEventListener("popstate", () => {
  keepLanguageLinks()
  load()
})

load()
ask("days")
  .then((answer) => {
    days = answer.items.map((item) => item.day)
    const shown = byId("day").value
    byId("day").replaceChildren(...days.map((day) => h("option", { value: day, text: shortDay(day) })))
    if (shown) choose(shown)
  })
  .catch(() => {}) // the cards say what is wrong
