"""Signing in: a name and a password become a session, unless too many were wrong lately."""

from prometheus_client import Counter

from proto.errors import NotAllowed, SessionEnded, TooManyRequests, WrongSignIn
from proto.user import OpenedSession, PasswordChange, SignIn
from services.chassis.database import Document
from services.chassis.failures import Failures
from services.chassis.logging import get_logger
from services.chassis.passwords import Passwords, acceptable
from services.chassis.sessions import Sessions
from services.chassis.users import Users, user_id

WINDOW_S = 900.0
SIGN_INS = Counter("krabbel_sign_ins_total", "Attempts to sign in to the dashboard", ["outcome"])
log = get_logger(__name__)


class SignInDesk:
    """The one place that looks at passwords.

    An attempt counts as wrong from its beginning and is taken back once it was right: a thousand at the same moment
    get no further than one after the other.
    """

    def __init__(self, users: Users, sessions: Sessions, passwords: Passwords, most_failures: int) -> None:
        self._users, self._sessions, self._passwords = users, sessions, passwords
        self._names = Failures(most_failures, WINDOW_S)
        # A newsroom has one address and many who mistype; a guesser changes the name, so this one is no wider.
        self._addresses = Failures(2 * most_failures, WINDOW_S)

    async def open(self, wanted: SignIn) -> OpenedSession:
        """Return a session.

        Raises:
            WrongSignIn: nobody has this name, or it has another password.
            TooManyRequests: too many were wrong for this name or from this address.
        """
        document = await self._prove(user_id(wanted.name), wanted.password.get_secret_value(), wanted.address)
        opened = await self._sessions.open(document)
        await self._users.signed_in(document["_id"])
        SIGN_INS.labels("right").inc()
        log.info("signed in", user=opened.who.name, role=opened.who.role.value)
        return opened

    async def change_password(self, wanted: PasswordChange) -> OpenedSession:
        """Give who is signed in another password, and a new session: all of before end.

        Raises:
            SessionEnded: the token belongs to nobody any more.
            NotAllowed: an identity provider vouches for the user, who has no password here.
            WrongSignIn: the current password is another one.
            TooManyRequests: too many were wrong for this name or from this address.
            BadRequest: the new one cannot be a password.
        """
        name = await self._sessions.owner(wanted.token)
        if name is None:
            raise SessionEnded("Sign in again.")
        if ":" in name:
            raise NotAllowed("Who signs in at an identity provider has no password here.")
        document = await self._prove(name, wanted.current.get_secret_value(), wanted.address)
        hashed = await self._passwords.hash(acceptable(wanted.new.get_secret_value(), document["name"]))
        changed = await self._users.change_password(name, document["password"], hashed)
        if changed is None:
            raise SessionEnded("The password was changed at this moment; sign in again.")
        log.info("changed the own password", user=changed["name"])
        return await self._sessions.open(changed)

    async def _prove(self, name: str, password: str, address: str) -> Document:
        wait = max(self._names.wait_s(name), self._addresses.wait_s(address))
        if wait:
            SIGN_INS.labels("limited").inc()
            log.warning("sign-in stopped: too many wrong ones")
            raise TooManyRequests("Too many wrong passwords.", retry_after_s=max(1, round(wait)))
        self._names.note(name)
        self._addresses.note(address)
        document = await self._users.document(name)
        stored = document.get("password") if document else None
        right = await self._passwords.matches(stored, password)
        if document is None or not right:
            SIGN_INS.labels("wrong").inc()
            # Never the name that was sent: people type passwords there.
            log.warning("sign-in refused", user=document["name"] if document else "unknown")
            raise WrongSignIn("Name or password is wrong.")
        self._names.take_back(name)
        self._addresses.take_back(address)
        if stored and self._passwords.is_outdated(stored):
            again = await self._passwords.hash(password)
            await self._users.rehashed(name, stored, again)
            document["password"] = again
        return document
