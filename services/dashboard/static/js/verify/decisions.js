// What a person decided. Shown at once, sent behind it, and taken back where the server refuses.

import { Refusal, tell } from "../api.js"
import { t, taxon } from "../words.js"

const MOST = 100 // items in one request

const made = []
let sending = Promise.resolve()
let listener = () => {}

export const decisions = () => made
export const listen = (heard) => { listener = heard }
export const waiting = () => made.filter((decision) => decision.state === "sending").length

// `pairs`: [run, label]; label null withdraws. Resolves once the server answered; a refusal is told to the listener.
export function decide(pairs, { undoes = null } = {}) {
  const decision = { pairs: pairs.map(([run, label]) => ({ run, label, before: run.verification ?? null })), at: new Date(), state: "sending", undoes }
  for (const { run, label } of decision.pairs) run.verification = label ? expected(run, label) : null
  if (!undoes) made.unshift(decision)
  listener("made", decision)
  sending = sending.then(() => send(decision))
  return sending
}

// As the server will have it; its own words replace this when it answers.
function expected(run, label) {
  return { label, is_insect: taxon(label).insect, verdict: label === run.result?.label ? "confirmed" : "corrected", verified_by: t("verify.you"), verified_at: new Date().toISOString() }
}

async function send(decision) {
  try {
    const failed = []
    for (let at = 0; at < decision.pairs.length; at += MOST) {
      const part = decision.pairs.slice(at, at + MOST)
      const answer = await tell("verifications", { items: part.map(({ run, label }) => ({ run_id: run.run_id, label })) })
      for (const item of answer.items) {
        const pair = part.find(({ run }) => run.run_id === item.run_id)
        if (["not_found", "not_classified"].includes(item.outcome)) failed.push(pair)
        else if (pair) pair.run.verification = item.verification
      }
    }
    if (failed.length) throw new Refusal(t("verify.some_failed", { count: failed.length }))
    decision.state = "kept"
    if (decision.undoes) decision.undoes.state = "undone"
    listener("kept", decision)
  } catch (error) {
    for (const { run, before } of decision.pairs) run.verification = before
    decision.state = "failed"
    if (decision.undoes) decision.undoes.state = "kept"
    listener("failed", decision, error)
  }
}

// Takes the last decision back that still stands, or this one: each run gets what it had before.
export function undo(decision = made.find(({ state }) => state === "sending" || state === "kept")) {
  if (!decision || !["sending", "kept"].includes(decision.state)) return null
  decision.state = "undoing"
  decide(decision.pairs.map(({ run, before }) => [run, before?.label ?? null]), { undoes: decision })
  return decision
}
