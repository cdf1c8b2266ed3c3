// Whose picture it is: the camera's credit line and licence, or at least the camera's name.

import { t } from "./words.js"

export function credit(camera, fallback = "") {
  const name = camera?.credit || camera?.name || fallback
  if (!name) return ""
  return camera?.licence ? t("pictures.credit_licence", { credit: name, licence: camera.licence }) : t("pictures.credit", { credit: name })
}
