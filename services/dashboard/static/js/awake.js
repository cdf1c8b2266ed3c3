// A camera that said anything within two hours is awake: at night few insects come, and traps beat every few minutes.

const AWAKE_MS = 2 * 3600 * 1000

export function isAwake(...moments) {
  const heard = moments.filter(Boolean).map((moment) => new Date(moment).getTime())
  return heard.length > 0 && Date.now() - Math.max(...heard) < AWAKE_MS
}
