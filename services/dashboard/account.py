"""``/account``: who is signed in gives himself another password, in a plain form as the sign-in's.

The query service looks at the current password, under the same limits as at the sign-in. The new one ends all sessions
of before, also that of this browser, which gets a new one with the answer.
"""

from http import HTTPStatus

from proto.errors import BadRequest, KrabbelError, SessionEnded, TooManyRequests, WrongSignIn
from proto.user import LONGEST_PASSWORD, SHORTEST_PASSWORD
from services.dashboard.doorkeeper import login_address
from services.dashboard.pages import account, frame
from services.dashboard.pages.registry import PAGES
from services.dashboard.roles import Person, person_of
from services.dashboard.signing_in import LARGEST_FORM, SignInHandler
from services.dashboard.writing import from_our_form


class AccountHandler(SignInHandler):
    """Shows the form, and takes it."""

    async def get(self) -> None:
        """Show the form to who is signed in; others are sent to sign in."""
        found = person_of(self.request)
        if found is None or not found.signed_in:
            self.redirect(login_address(self.request))
            return
        self._answer(HTTPStatus.OK, found, done=self.get_query_argument("done", "") == "1")

    async def post(self) -> None:
        """Take the form: a new password and a new session, or why not. No password is ever sent back."""
        found = person_of(self.request)
        if found is None or not found.signed_in:
            self.redirect("/login" + frame.address(self._language(), {"next": account.PAGE.path}), status=303)
        elif not from_our_form(self.request) or len(self.request.body) > LARGEST_FORM:
            self._answer(HTTPStatus.FORBIDDEN, found, "elsewhere")
        elif found.federated:
            self._answer(HTTPStatus.FORBIDDEN, found)
        elif self._insecure():
            self._answer(HTTPStatus.FORBIDDEN, found, "insecure")
        elif self._typed("new") != self._typed("again"):
            self._answer(HTTPStatus.BAD_REQUEST, found, "differ")
        else:
            await self._change(found)

    async def _change(self, found: Person) -> None:
        current = self._typed("current")[:LONGEST_PASSWORD]
        try:
            opened = await self._sessions.change_password(found.token, current, self._typed("new"), self._address())
        except WrongSignIn:
            self._answer(HTTPStatus.UNAUTHORIZED, found, "wrong")
        except BadRequest:
            self._answer(HTTPStatus.BAD_REQUEST, found, "unfit")
        except TooManyRequests as error:
            self.set_header("Retry-After", str(error.retry_after_s or 60))
            self._answer(HTTPStatus.TOO_MANY_REQUESTS, found, "limited")
        except SessionEnded:
            self._keeper.forget(found.token)
            self.redirect("/login" + frame.address(self._language(), {"next": account.PAGE.path}), status=303)
        except KrabbelError:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, found, "away")
        else:
            self._keeper.forget(found.token)
            self._give(opened, secure=self._scheme() == "https")
            self.redirect(account.PAGE.path + frame.address(self._language(), {"done": "1"}), status=303)

    def _typed(self, name: str) -> str:
        return self.get_body_argument(name, "", strip=False)

    def _answer(self, status: HTTPStatus, found: Person, trouble: str = "", *, done: bool = False) -> None:
        variables = frame.variables(account.PAGE, PAGES, self._language(), found, {}, {}) | {
            "trouble": trouble,
            "done": done,
            "public_url": self._public_url,
            "shortest": SHORTEST_PASSWORD,
            "longest": LONGEST_PASSWORD,
        }
        self.set_status(status)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(frame.template_of(account.PAGE.name).render(variables))
