// Whose picture it is: the camera's credit line and licence, or at least the camera's name.

import { h } from "./dom.js"
import { t } from "./words.js"

// The same as parts of a line that breaks before the licence, never within it.
export function creditLine(camera, fallback = "") {
  const name = camera?.credit || camera?.name || fallback
  const whose = name ? t("pictures.credit", { credit: name }) : ""
  if (!name || !camera?.licence) return [whose]
  return [`${whose} · `, h("span", { class: "unbroken", text: camera.licence })]
}

export function credit(camera, fallback = "") {
  const name = camera?.credit || camera?.name || fallback
  if (!name) return ""
  return camera?.licence ? t("pictures.credit_licence", { credit: name, licence: camera.licence }) : t("pictures.credit", { credit: name })
}
