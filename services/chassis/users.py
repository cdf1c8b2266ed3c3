"""People and what they may do, in the database. Proving who they are: passwords.py; being signed in: sessions.py."""

import secrets
import unicodedata
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pymongo import ReturnDocument

from proto.errors import Conflict, LastAdmin, NameTaken, NameUnfit, NotFound
from proto.user import User, UserName, UserRole
from services.chassis.database import Database, Document, available, insert_once

FIRST_ADMIN = "admin"
_NAME: TypeAdapter[str] = TypeAdapter(UserName)


class UserNotFound(NotFound):
    """Nobody has this name."""

    slug, title = "user-not-found", "There is no such user"


def user_id(name: str) -> str:
    """Return the id of a local user: however the name is written, it is the same person's."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def new_stamp() -> str:
    """Return a stamp: sessions carry the user's, and one with another stamp is not valid any more."""
    return secrets.token_hex(16)


def user_of(document: Document) -> User:
    """Return the user in a document."""
    return User.model_validate({**document, "user_id": document["_id"]})


class Users:
    """Repository of users. Raises :class:`proto.errors.Unavailable` while the database is away.

    A new password, role or removal changes or removes the user's stamp, in the same write: from then on no session that
    was opened before is valid, also one that is being opened at this moment.
    """

    def __init__(self, database: Database) -> None:
        self._users = database.users
        self._sessions = database.sessions

    async def all(self) -> list[User]:
        """Return all users by name."""
        return [
            user_of(document) for document in await available(lambda: self._users.find().sort("_id", 1).to_list(None))
        ]

    async def document(self, name: str) -> Document | None:
        """Return what is stored of a local user, with the password's hash; None if there is none."""
        return await available(lambda: self._users.find_one({"_id": user_id(name)}))

    async def add(self, name: str, role: UserRole, password_hash: str) -> User:
        """Store a new user.

        Raises:
            NameUnfit: this can be no name.
            NameTaken: somebody has it.
        """
        try:
            name = _NAME.validate_python(unicodedata.normalize("NFKC", name).strip())
        except ValidationError as error:
            raise NameUnfit(
                "A name has letters, digits, blanks and . @ + - _, at most 80, and begins with a letter or digit."
            ) from error
        now = datetime.now(UTC)
        document: dict[str, Any] = {
            "_id": user_id(name),
            "name": name,
            "role": role.value,
            "password": password_hash,
            "stamp": new_stamp(),
            "created_at": now,
            "changed_at": now,
        }
        if not await available(lambda: insert_once(self._users, document)):
            raise NameTaken(f"There is a user {name!r} already. `krabbel user list` shows all.")
        return user_of(document)

    async def admit_federated(self, subject: str, name: str, role: UserRole) -> Document:
        """Store, or bring up to date, whom an identity provider vouches for; return the document.

        Args:
            subject: with the provider, who it is for ever; a colon keeps it apart from local names.
        """
        key = f"oidc:{subject}"
        now = datetime.now(UTC)
        fresh = {"federated": True, "stamp": new_stamp(), "created_at": now, "changed_at": now, "role": role.value}
        change = {"$setOnInsert": fresh, "$set": {"name": name}}
        await available(lambda: self._users.update_one({"_id": key}, change, upsert=True))
        moved = {"$set": {"role": role.value, "stamp": new_stamp(), "changed_at": now}}
        await available(lambda: self._users.update_one({"_id": key, "role": {"$ne": role.value}}, moved))
        document = await available(lambda: self._users.find_one({"_id": key}))
        if document is None:
            raise UserNotFound(f"{name!r} was removed at this moment; sign in again.")
        return document

    async def set_password(self, name: str, password_hash: str) -> None:
        """Replace the password; all sessions of the user end.

        Raises:
            UserNotFound: nobody has this name, or the user has no password here.
        """
        await self._change({"_id": user_id(name), "federated": {"$ne": True}}, {"password": password_hash}, name)

    async def change_password(self, key: str, old_hash: str, new_hash: str) -> Document | None:
        """Replace the password of who proved to know the old one; all sessions of the user end.

        Returns:
            The user as it is now, for a new session; None where somebody changed the password, or removed the user.
        """
        return await self._changed({"_id": key, "password": old_hash}, {"password": new_hash})

    async def set_role(self, name: str, role: UserRole) -> None:
        """Say what the user may do; all sessions of the user end.

        Raises:
            UserNotFound: nobody has this name.
            LastAdmin: nobody else may administer.
        """
        if role is not UserRole.ADMIN:
            await self._keep_an_admin(name)
        await self._change({"_id": {"$in": [user_id(name), name]}}, {"role": role.value}, name)

    async def rehashed(self, key: str, old_hash: str, new_hash: str) -> None:
        """Keep the same password under today's parameters; nobody's session ends."""
        await available(
            lambda: self._users.update_one({"_id": key, "password": old_hash}, {"$set": {"password": new_hash}})
        )

    async def signed_in(self, key: str) -> None:
        """Note a sign-in."""
        await available(lambda: self._users.update_one({"_id": key}, {"$set": {"last_sign_in_at": datetime.now(UTC)}}))

    async def remove(self, name: str) -> None:
        """Forget the user; all sessions of the user end. What the user decided keeps the name.

        Raises:
            UserNotFound: nobody has this name.
            LastAdmin: nobody else may administer.
        """
        await self._keep_an_admin(name)
        removed = await available(lambda: self._users.find_one_and_delete({"_id": {"$in": [user_id(name), name]}}))
        if removed is None:
            raise _nobody(name)
        await available(lambda: self._sessions.delete_many({"user_id": removed["_id"]}))

    async def ensure_first_admin(self, password_hash: str) -> bool:
        """Make the user ``admin`` if there is no user at all; return whether it was made."""
        if await available(lambda: self._users.find_one({}, {"_id": 1})) is not None:
            return False
        try:
            await self.add(FIRST_ADMIN, UserRole.ADMIN, password_hash)
        except Conflict:  # another process was quicker
            return False
        return True

    async def _keep_an_admin(self, name: str) -> None:
        """Return where somebody but this user may administer, or the user may not either.

        Two admins who take each other's role at the same moment get past this; ``krabbel user role`` mends that.
        """
        admins = await available(lambda: self._users.find({"role": UserRole.ADMIN.value}, {"_id": 1}).to_list(None))
        if admins and {admin["_id"] for admin in admins} <= {user_id(name), name}:
            raise LastAdmin(f"{name!r} is the only admin: give somebody else that role before.")

    async def _change(self, query: Document, fields: Document, name: str) -> None:
        if await self._changed(query, fields) is None:
            raise _nobody(name)

    async def _changed(self, query: Document, fields: Document) -> Document | None:
        change = {"$set": {**fields, "stamp": new_stamp(), "changed_at": datetime.now(UTC)}}
        after = ReturnDocument.AFTER
        found = await available(lambda: self._users.find_one_and_update(query, change, return_document=after))
        if found is not None:
            await available(lambda: self._sessions.delete_many({"user_id": found["_id"]}))
        return found


def _nobody(name: str) -> UserNotFound:
    return UserNotFound(f"No user has the name {name!r}. `krabbel user list` shows all.")
