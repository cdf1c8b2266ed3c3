"""What is worth telling, in which words, and how it goes to people."""

import asyncio
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as Xml

import pytest
from aiohttp import web
from aiosmtpd.handlers import Message as Receiver
from aiosmtpd.smtp import SMTP

from services.query.alerts.atom import NAMESPACE, feed
from services.query.alerts.channels import Email, Message, NotSent, Webhook, body, channels
from services.query.alerts.findings import KINDS, Facts, Rules, find
from services.query.alerts.settings import AlertSettings
from services.query.alerts.texts import TEXTS, sentence

NOW = datetime(2026, 7, 20, 12, tzinfo=UTC)
WEEK = {f"2026-07-{day:02d}": 60 for day in range(10, 18)}


def facts(**changes: object) -> Facts:
    given: dict[str, object] = {
        "now": NOW, "totals": {}, "recent": {}, "insects_by_day": {}, "last_seen": {},
        "parked": 0, "parked_before": 0, "parked_revision": 3,
    }  # fmt: skip
    return Facts(**(given | changes))  # type: ignore[arg-type]


def rules(**changes: object) -> Rules:
    given: dict[str, object] = {
        "rare_most": 5, "record_least": 50, "silent_after": timedelta(hours=24), "kinds": frozenset(KINDS),
        "classes": frozenset(), "cameras": frozenset(),
    }  # fmt: skip
    return Rules(**(given | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ({"recent": {"2026-07-20": {"bee": 2}}, "totals": {"bee": 2}}, ["first_sighting:bee"]),
        ({"recent": {"2026-07-20": {"bee": 2}}, "totals": {"bee": 5}}, ["rare_class:bee:2026-07-20"]),
        ({"recent": {"2026-07-20": {"bee": 2}}, "totals": {"bee": 6}}, []),
        ({"recent": {"2026-07-20": {"none_bg": 2}}, "totals": {"none_bg": 2}}, []),
        ({"recent": {"2026-07-20": {}}, "insects_by_day": WEEK | {"2026-07-20": 61}}, ["record_day:2026-07-20"]),
        ({"recent": {"2026-07-20": {}}, "insects_by_day": WEEK | {"2026-07-20": 60}}, []),
        ({"recent": {"2026-07-20": {}}, "insects_by_day": {"2026-07-19": 60, "2026-07-20": 99}}, []),
        ({"last_seen": {"a": NOW - timedelta(hours=25)}}, ["silent_camera:a:2026-07-19T11:00:00+00:00"]),
        ({"last_seen": {"a": NOW - timedelta(hours=23)}}, []),
        ({"parked": 2, "parked_before": 1}, ["dead_letter:3"]),
        ({"parked": 1, "parked_before": 1}, []),
    ],
)
def test_only_news_is_told(given: dict[str, object], ids: list[str]) -> None:
    assert [alert.alert_id for alert in find(facts(**given), rules())] == ids


def test_filters_keep_kinds_classes_and_cameras_apart() -> None:
    given = facts(
        recent={"2026-07-20": {"bee": 1, "fly": 1}}, totals={"bee": 1, "fly": 1},
        last_seen={"a": NOW - timedelta(days=9), "b": NOW - timedelta(days=9)}, parked=1,
    )  # fmt: skip
    kept = rules(classes=frozenset({"fly"}), cameras=frozenset({"b"}), kinds=frozenset(KINDS) - {"dead_letter"})
    assert [alert.label or alert.camera_id for alert in find(given, kept)] == ["fly", "b"]


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("kind", [*KINDS, "test"])
def test_every_kind_has_words_in_both_languages(kind: str, language: str) -> None:
    alert = {"kind": kind, "label": "bee", "camera_id": "garten", "number": 3, "before": 2, "since": NOW}
    said = sentence(alert, language)
    assert "None" not in said
    assert "{" not in said


def test_each_form_has_the_shape_that_its_receiver_wants() -> None:
    message = Message("k", ("Selten: <b>",), "http://x", ({"kind": "rare_class"},))
    assert body("slack", message) == {"text": "Selten: &lt;b&gt;\nhttp://x"}
    assert body("teams", message)["attachments"][0]["content"]["body"][0]["text"] == "Selten: <b>"
    assert body("json", message)["alerts"] == [{"kind": "rare_class"}]


def test_feed_is_atom_with_an_id_for_each_entry() -> None:
    alert = {"_id": "first_sighting:bee", "kind": "first_sighting", "label": "bee", "at": NOW}
    root = Xml.fromstring(feed([alert], "http://x", "en"))  # noqa: S314
    entry = root.find(f"{{{NAMESPACE}}}entry")
    assert entry is not None
    assert entry.findtext(f"{{{NAMESPACE}}}id") == "http://x/api/v1/alerts.atom#first_sighting:bee"
    assert entry.findtext(f"{{{NAMESPACE}}}title") == "Seen for the first time: Wild bee"
    assert len(Xml.fromstring(feed([], "http://x", "de"))) == 5  # noqa: S314


@pytest.mark.parametrize("address", ["file:///etc/passwd", "gopher://x/", "json+ftp://x", "https://"])
def test_only_web_addresses_are_webhooks(address: str) -> None:
    with pytest.raises(ValueError, match="webhook"):
        Webhook(address)


def test_name_of_a_webhook_does_not_show_its_secret_path() -> None:
    assert "SECRET" not in Webhook("https://hooks.example/services/SECRET").name


async def test_webhook_is_posted_once_and_follows_no_redirect() -> None:
    got: list[tuple[str, dict[str, object], str]] = []

    async def receive(request: web.Request) -> web.Response:
        got.append((request.path, await request.json(), request.headers["Idempotency-Key"]))
        if request.path == "/moved":
            raise web.HTTPFound("/inside")
        return web.Response(status=500 if request.path == "/broken" else 200)

    app = web.Application()
    app.router.add_post("/{tail:.*}", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    message = Message("key-1", ("Hallo",), "http://x")
    try:
        await Webhook(base + "/hook").send(message)
        for path in ("/moved", "/broken"):
            with pytest.raises(NotSent):
                await Webhook(base + path).send(message)
    finally:
        await runner.cleanup()
    assert [path for path, _, _ in got] == ["/hook", "/moved", "/broken"]
    assert got[0][1:] == ({"text": "Hallo\nhttp://x"}, "key-1")
    with pytest.raises(NotSent):
        await Webhook(base + "/gone").send(message)


async def test_mail_arrives_with_the_same_id_each_time() -> None:
    mails = []

    class Keep(Receiver):
        def handle_message(self, message: object) -> None:
            mails.append(message)

    # in this loop: the sender works in a thread
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(Keep()), "127.0.0.1", 0)
    way = Email(
        f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}",
        "krabbel@example.org",
        ["a@example.org", "b@example.org"],
    )
    for _ in range(2):
        await way.send(Message("key-1", ("Zum ersten Mal gesehen: Wildbiene",), "http://x"))
    server.close()
    await server.wait_closed()
    assert [mail["Message-ID"] for mail in mails] == ["<key-1@krabbel>"] * 2
    assert mails[0]["To"] == "a@example.org, b@example.org"
    with pytest.raises(NotSent):
        await way.send(Message("key-1", ("x",), ""))


def test_ways_come_from_the_settings_alone() -> None:
    assert channels(AlertSettings()) == []
    given = {
        "KRABBEL_ALERT_WEBHOOKS": "https://a/x teams+https://b/y",
        "KRABBEL_ALERT_EMAIL_TO": "a@b.c",
        "KRABBEL_ALERT_SMTP_URL": "smtp://127.0.0.1:25",
    }
    assert [way.name.split(" ")[0] for way in channels(AlertSettings.from_env(given))] == ["slack", "teams", "e-mail"]
