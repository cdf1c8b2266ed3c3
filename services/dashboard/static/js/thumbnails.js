// A run's class, and its pictures: which one stands for it, and where it is.

import { ask } from "./api.js"
import { h } from "./dom.js"

// A person's word wins over the machine's.
export const labelOf = (run) => run.verification?.label ?? run.result?.label ?? null

const thumbnailOf = (run) => `/api/v1/runs/${run.run_id}/thumbnail` // as pictures: needs no key, and passes the dashboard by
// `src`: what stands in for a picture that is gone (gone.js).
export const pictureOf = (image) => image.src ?? `/api/v1/images/${image.object_key.slice("runs/".length)}`

// As views.py: the classifier's choice; before it chose, the one in the middle of the run.
export function bestOf(run) {
  const at = run.images.findIndex((image) => image.sha256 === run.result?.best_image)
  return at >= 0 ? at : Math.floor(run.images.length / 2)
}

// A small picture of a run. Where no thumbnail can be had, the run's best picture stands in for it.
export function thumbnail(run = null) {
  const image = h("img", { alt: "", loading: "lazy", decoding: "async" })
  image.addEventListener("error", () => bestInstead(image))
  if (run) showThumbnail(image, run)
  return image
}

export function showThumbnail(image, run) {
  if (image.dataset.shows === run.run_id) return
  image.dataset.shows = run.run_id
  image.setAttribute("src", thumbnailOf(run))
}

async function bestInstead(image) {
  const id = image.dataset.shows
  if (!id || image.dataset.instead === id) return
  image.dataset.instead = id
  const { run } = await ask(`runs/${id}`).catch(() => ({}))
  if (run && image.dataset.shows === id) image.src = pictureOf(run.images[bestOf(run)])
}
