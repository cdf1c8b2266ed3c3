// Asks the dashboard, which asks the query service (services/dashboard/passing.py): same origin, and no key here.

import { t } from "./words.js"

export class Refusal extends Error {}

// Answers JSON. What goes wrong is a Refusal whose message is fit for people.
export const ask = (path, parameters = {}, { signal } = {}) => fetched(address(path, parameters), { signal })

// Writes. Only pages of our own can set this header, and the dashboard refuses a write without it (writing.py).
export const tell = (path, body, method = "POST") => fetched(address(path), {
  method,
  headers: { "Content-Type": "application/json", "X-Krabbel-Page": "1" },
  body: body === undefined ? undefined : JSON.stringify(body),
})

export async function fetched(url, options = {}) {
  let answer
  try {
    answer = await fetch(url, { ...options, headers: { Accept: "application/json", ...options.headers } })
  } catch (error) {
    if (error.name === "AbortError") throw error
    throw new Refusal(t("errors.away"))
  }
  if (answer.status === 204) return null
  if (answer.ok) return answer.json()
  const problem = await answer.json().catch(() => ({}))
  const key = `problem.${String(problem.type).split(":").pop()}`
  if (t(key) !== key) throw new Refusal(t(key, { detail: problem.detail ?? "" }))
  if (answer.status === 401 || answer.status === 403) throw new Refusal(t("errors.refused"))
  if (answer.status === 404) throw new Refusal(t("errors.missing"))
  throw new Refusal(answer.status < 500 && problem.detail ? problem.detail : t("errors.away"))
}

export function address(path, parameters = {}) {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) if (value !== null && value !== undefined && value !== "") query.set(name, value)
  const text = query.toString()
  return `/ui/api/${path}${text ? `?${text}` : ""}`
}
