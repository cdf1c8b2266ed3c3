// The runs worth checking: what the machine is least certain of comes first, each group behind the API's cursor.

import { ask } from "../api.js"

const ORDER = ["unclear", "probable", "sure"]
const PAGE = 30

export class Queue {
  constructor(filters) {
    this.filters = filters
    this.stages = filters.certainty ? [filters.certainty] : [...ORDER]
    this.cursor = null
    this.seen = new Set()
    this.over = false
    this.loading = null
    this.stopped = new AbortController()
  }

  // The next runs, about a page of them; empty once there are no more. One request at a time.
  more() {
    this.loading ??= this.page().finally(() => { this.loading = null })
    return this.loading
  }

  async page() {
    const found = []
    while (this.stages.length && found.length < PAGE) {
      const answer = await ask("runs", {
        ...this.filters, status: "classified", certainty: this.stages[0], verified: this.filters.verified ?? "false", pictures: "true", limit: PAGE, cursor: this.cursor,
      }, { signal: this.stopped.signal })
      this.cursor = answer.next
      if (!answer.next) this.stages.shift()
      const fresh = answer.items.filter((run) => !this.seen.has(run.run_id))
      for (const run of fresh) this.seen.add(run.run_id)
      found.push(...fresh)
    }
    this.over = !this.stages.length
    return found
  }

  stop() {
    this.stopped.abort()
  }
}
