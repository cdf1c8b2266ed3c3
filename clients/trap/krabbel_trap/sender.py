"""The thread that empties the spool: one run at a time, oldest first, and with patience."""

from __future__ import annotations

import logging
import threading
import time

from krabbel_trap.backoff import full_jitter
from krabbel_trap.entry import Entry
from krabbel_trap.errors import BrokenEntry, NothingToSend, SpoolFull
from krabbel_trap.memory import Memory
from krabbel_trap.spool import Spool
from krabbel_trap.transport import Answer, Transport, Verdict

LOOK_S = 5.0
"""Runs of other processes are looked for this often."""
log = logging.getLogger("krabbel_trap")


class Sender:
    """Sends what waits. A server that is away stops all; a run that fails by itself waits alone.

    Args:
        spool: what is sent; it must be acquired.
        transport: used by this thread only.
        memory: what ``krabbel-trap status`` shows, and which camera the key is bound to.
        base_s: first wait after a failure (on average half of it).
        cap_s: longest wait while the server is away.
        cap_entry_s: longest wait of a single run that keeps failing.
    """

    def __init__(
        self,
        spool: Spool,
        transport: Transport,
        memory: Memory,
        base_s: float = 1.0,
        cap_s: float = 300.0,
        cap_entry_s: float = 3600.0,
    ) -> None:
        self._spool, self._transport, self._memory = spool, transport, memory
        self._base_s, self._cap_s, self._cap_entry_s = base_s, cap_s, cap_entry_s
        self._failures = 0
        self._resume_at = 0.0
        self._asked_to_wait = False
        self._told: str | None = None
        self._news = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="krabbel-trap", daemon=True)
            self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Stop after the request under way. What is not sent stays in the spool."""
        with self._news:
            self._stopping = True
            self._news.notify_all()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def wake(self) -> None:
        """Say that there is something new."""
        with self._news:
            self._news.notify_all()

    def hurry(self) -> None:
        """Try at once, unless the server itself asked to wait."""
        with self._news:
            if not self._asked_to_wait:
                self._resume_at = 0.0
                for entry in self._spool.entries():
                    entry.due = 0.0
            self._news.notify_all()

    def _run(self) -> None:
        while not self._stopping:
            try:
                wait_s = self.step()
            except Exception:
                # A full disk, a vanished folder: whatever it is, this thread must live on.
                log.exception("sending stumbled; trying again")
                wait_s = 30.0
            if wait_s > 0:
                with self._news:
                    if not self._stopping:
                        self._news.wait(wait_s)

    def step(self) -> float:
        """Send one run if one is due; return the seconds until the next look."""
        now = time.monotonic()
        if now < self._resume_at:
            return min(LOOK_S, self._resume_at - now)
        waiting = self._spool.entries()
        due = [entry for entry in waiting if entry.due <= now]
        if not due:
            return min([LOOK_S, *(entry.due - now for entry in waiting)])
        entry = due[0]
        try:
            answer = self._send(entry)
        except BrokenEntry as error:
            answer = Answer(Verdict.REFUSED, f"the file cannot be read any more: {error}")
        self._obey(entry, answer)
        return 0.0

    def _send(self, entry: Entry) -> Answer:
        if not entry.fresh:
            answer = self._transport.ask(entry, self._transport.camera_id or self._memory.camera_id)
            if answer.verdict is not Verdict.UNKNOWN:
                return answer
        entry.fresh = False
        return self._transport.upload(entry)

    def _obey(self, entry: Entry, answer: Answer) -> None:
        verdict = answer.verdict
        if verdict is Verdict.SENT:
            self._failures, self._asked_to_wait, self._told = 0, False, None
            self._spool.remove(entry)
            self._memory.sent(answer.camera_id)
            log.info("sent %s as run %s", entry.path.name, answer.run_id or "(no id)")
            return
        if verdict is Verdict.REFUSED:
            self._refuse(entry, answer)
            return
        entry.failures += 1
        self._memory.failed(verdict.value, answer.reason)
        if verdict is Verdict.AGAIN:
            # Others go on, after a breath; this one waits longer each time.
            wait = max(
                answer.retry_after_s, self._base_s + full_jitter(entry.failures, self._base_s, self._cap_entry_s)
            )
            entry.due = time.monotonic() + wait
            self._resume_at = time.monotonic() + full_jitter(1, self._base_s, self._cap_s)
        else:
            self._failures += 1
            self._asked_to_wait = answer.retry_after_s > 0
            base = self._base_s * (10 if verdict is Verdict.MISCONFIGURED else 1)
            wait = max(answer.retry_after_s, full_jitter(self._failures, base, self._cap_s))
            self._resume_at = time.monotonic() + wait
        if answer.reason != self._told:
            self._told = answer.reason
            level = logging.ERROR if verdict is Verdict.MISCONFIGURED else logging.WARNING
            log.log(level, "not sent, everything is kept (next try in %.0f s): %s", wait, answer.reason)

    def _refuse(self, entry: Entry, answer: Answer) -> None:
        """Put a refused run aside; one broken picture does not take the others with it."""
        if answer.status == 415:
            try:
                names = [image["said"]["file_name"] for image in entry.manifest()["images"]]
                broken = [name for name in names if repr(name[:80]) in answer.reason]
                if broken and len(names) > 1:
                    self._spool.put(entry.without(broken[0]))
            except (BrokenEntry, NothingToSend, SpoolFull) as error:
                log.warning("the other pictures of %s cannot be kept apart: %s", entry.path.name, error)
        self._spool.refuse(entry, answer.reason)
        self._memory.refused(answer.reason)
        log.error("%s was refused and put into %s: %s", entry.path.name, self._spool.refused, answer.reason)
