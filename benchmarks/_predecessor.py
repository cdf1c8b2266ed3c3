"""The predecessor's way of taking a run, for benchmarks.predecessor: its known faults are the point.

One process, one global lock around the whole request: the images are written, the model is loaded anew, only the first
image is classified, the whole table is read, gets one row more, and is written back. As the facts in
shared/reference/predecessor.md say it; the original's code was not at hand. What they leave open was chosen in its
favour: images and table lie on the local disk, the network is an ONNX session on all cores, and is not measured or
warmed up after loading.

    python -m benchmarks._predecessor PORT FOLDER MODEL
"""

import asyncio
import sys
from datetime import datetime
from pathlib import Path

import pandas
from aiohttp import web

from services.classifier.onnx_model import read_onnx
from services.classifier.preprocess import prepare

COLUMNS = (
    "date", "start_time", "end_time", "duration_s", "track_ID", "track_ID_imgs", "tracking_run_ID", "top1", "top1_prob"
)  # fmt: skip
TABLE = "classification.csv"
CLASSIFIED = "classified.count"
"""Images that went through the network so far: the benchmark reads it"""


class Predecessor:
    """All of it: a folder, a model file and a lock."""

    def __init__(self, folder: Path, model: Path) -> None:
        self._folder, self._model = folder, model
        self._lock = asyncio.Lock()
        self._classified = 0

    async def classify(self, request: web.Request) -> web.Response:
        """``POST /classify/{track}``, as the deployed traps send it."""
        form = await request.post()
        crops = [part.file.read() for part in form.getall("files") if isinstance(part, web.FileField)]
        start, end = (datetime.fromisoformat(str(form[name])) for name in ("start_date", "end_date"))
        async with self._lock:
            await asyncio.to_thread(self._take, request.match_info["track"], start, end, crops)
        return web.json_response({"success": True})

    def _take(self, track: str, start: datetime, end: datetime, crops: list[bytes]) -> None:
        run = f"ID{track}-{end:%H-%M-%S}"
        folder = self._folder / f"{end:%Y-%m-%d}" / run
        folder.mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(crops):
            (folder / f"{number}_crop.jpg").write_bytes(data)
        network = read_onnx(self._model.read_bytes(), threads=0)
        scores = network.predict(prepare(crops[0], network.image_size).pixels[None])[0]
        best = int(scores.argmax())
        row = (
            f"{end:%Y-%m-%d}", f"{start:%H:%M:%S}", f"{end:%H:%M:%S}", int((end - start).total_seconds()), int(track),
            len(crops), run, network.names[best], round(float(scores[best]), 2),
        )  # fmt: skip
        table = pandas.read_csv(self._folder / TABLE)
        table.loc[len(table)] = list(row)
        table.to_csv(self._folder / TABLE, index=False)
        self._classified += 1
        (self._folder / CLASSIFIED).write_text(str(self._classified))


def write_table(folder: Path, rows: int) -> None:
    """Write a table of so many runs."""
    row = ("2024-05-15", "10:00:00", "10:00:09", 9, 17, 10, "ID17-10-00-09", "hfly_episyr", 0.97)
    pandas.DataFrame([row] * rows, columns=list(COLUMNS)).to_csv(folder / TABLE, index=False)


def main() -> None:
    """Serve until SIGTERM."""
    port, folder, model = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_post("/classify/{track}", Predecessor(folder, model).classify)
    web.run_app(app, host="127.0.0.1", port=port, print=None)


if __name__ == "__main__":
    main()
