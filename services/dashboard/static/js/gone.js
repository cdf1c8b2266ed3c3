// What a visit says once its pictures are gone: when and by which rule, and what to show instead.

import { shortDay, t } from "./words.js"

const isKept = (run, image) => !run.pictures_gone || run.pictures_gone.kept.includes(image.sha256)

// Whether any picture can be downloaded.
export const hasPictures = (run) => run.images.some((image) => isKept(run, image))

// The visit's pictures; where the one that stands for it is gone, its thumbnail, if that was kept. For the others the
// server answers a picture that says so.
export function picturesOf(run, best) {
  const gone = run.pictures_gone
  if (!gone) return run.images
  return run.images.map((image, at) =>
    at === best && gone.thumbnail_kept && !isKept(run, image) ? { ...image, src: `/api/v1/runs/${run.run_id}/thumbnail` } : image)
}

// In words; empty while all are there.
export function goneWords(run) {
  const gone = run.pictures_gone
  if (!gone) return ""
  const day = shortDay(gone.at.slice(0, 10))
  return `${t(gone.kept.length ? "gone.some" : "gone.all", { day, count: gone.pictures })} ${t(`gone.${gone.rule}`)} ${t("gone.stays")}`
}
