"""Who is signed in. A session is a random token that only the browser has; here lies its SHA-256.

It ends after a time without use and after a time in any case, when its user signs out, and at once when the user's
password or role changes or the user is removed: the session carries the user's stamp (users.py).
"""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from proto.user import OpenedSession, User, Who
from services.chassis.cameras import hash_key
from services.chassis.database import Database, Document, available
from services.chassis.users import user_of

TOUCH_S = 60.0
"""Use is noted at most this often, seconds."""

FEDERATED = timedelta(hours=24)
"""Who signs in at an identity provider does so every day: whom it lets in no more is out by then."""


class Sessions:
    """Repository of sessions. Raises :class:`proto.errors.Unavailable` while the database is away."""

    def __init__(self, database: Database, idle: timedelta, longest: timedelta) -> None:
        self._sessions, self._users = database.sessions, database.users
        self._idle, self._longest = idle, longest

    async def open(self, user: Document) -> OpenedSession:
        """Begin a session of a user, as the document was when the user proved who it is."""
        token, now = secrets.token_urlsafe(32), datetime.now(UTC)
        ends_at = now + (min(self._longest, FEDERATED) if user.get("federated") else self._longest)
        document = {
            "_id": hash_key(token),
            "user_id": user["_id"],
            "stamp": user["stamp"],
            "opened_at": now,
            "used_at": now,
            "ends_at": ends_at,
            "expires_at": min(ends_at, now + self._idle),
        }
        await available(lambda: self._sessions.insert_one(document))
        return OpenedSession(token=token, who=_who(user_of(user)), ends_at=ends_at)

    async def known(self, tokens: Sequence[str]) -> list[Who | None]:
        """Return whom each token belongs to now, and note that it is used; None for what is not valid."""
        hashes = [hash_key(token) for token in tokens]
        now = datetime.now(UTC)
        query = {"_id": {"$in": hashes}, "expires_at": {"$gt": now}}
        sessions = {s["_id"]: s for s in await available(lambda: self._sessions.find(query).to_list(None))}
        if not sessions:
            return [None] * len(hashes)
        ids = sorted({session["user_id"] for session in sessions.values()})
        found = await available(lambda: self._users.find({"_id": {"$in": ids}}, {"password": 0}).to_list(None))
        users = {(user["_id"], user["stamp"]): user for user in found}
        valid = {h: users[key] for h, s in sessions.items() if (key := (s["user_id"], s["stamp"])) in users}
        await self._touch([sessions[h] for h in valid], now)
        return [_who(user_of(valid[each])) if each in valid else None for each in hashes]

    async def owner(self, token: str) -> str | None:
        """Return the id of the user whom a token belongs to now; None if it is not valid."""
        (who,) = await self.known([token])
        return who.user_id if who else None

    async def close(self, token: str) -> None:
        """End a session; one that is not there has ended."""
        await available(lambda: self._sessions.delete_one({"_id": hash_key(token)}))

    async def _touch(self, sessions: Sequence[Document], now: datetime) -> None:
        before = now - timedelta(seconds=TOUCH_S)
        due = [session["_id"] for session in sessions if session["used_at"] < before]
        if due:
            until = {"$min": ["$ends_at", now + self._idle]}
            change = [{"$set": {"used_at": now, "expires_at": until}}]
            await available(lambda: self._sessions.update_many({"_id": {"$in": due}}, change))


def _who(user: User) -> Who:
    return Who(name=user.name, role=user.role, user_id=user.user_id)
