"""Coming in, staying, and being shut out."""

from __future__ import annotations

import httpx2
import pyotp
import pytest

from portevoix.console.cookies import NAME
from portevoix.domain.ids import Mode
from portevoix.domain.person import SESSION_IDLE, SESSION_LIFE, TOKEN_GRACE, TOKEN_LIFE, Role
from portevoix.ports import House
from portevoix.service.people import add_person, invite, totp_secret
from tests.console.conftest import MANAGER, OPERATOR, People
from tests.console.visitor import HERE, PASSWORD, Visitor, words_of
from tests.parts import ManualClock
from tests.wire.sound import keep


@pytest.fixture
async def people(people: People, house: House) -> People:
    """People of whom the manager has a password, and a session by it."""
    manager = next(one for one in await house.people.list() if one.email.text == MANAGER)
    await people.manager.come(f"/console/welcome/{await invite(house, manager)}")
    return people


async def test_a_link_lets_its_person_in_once(http: httpx2.AsyncClient, house: House) -> None:
    _, token = await add_person(house, OPERATOR, Role.OPERATOR, None)
    link = f"/console/welcome/{token}"
    visitor, late = Visitor(http), Visitor(http)
    assert OPERATOR in (await visitor.get(link)).text
    assert (await visitor.post(link, password=PASSWORD)).headers["location"] == "/console/"
    assert OPERATOR in words_of(await visitor.get("/console/me"))
    refused = await late.post(link, password="another password!")
    assert (refused.status_code, late.token) == (422, "")
    assert "This link was used" in words_of(refused)


async def test_a_link_does_not_stand_for_the_code_that_somebody_has_asked_for(people: People, house: House) -> None:
    manager = next(one for one in await house.people.list() if one.email.text == MANAGER)
    await house.people.set_totp(manager.id, 1, is_on=True)
    visitor = Visitor(people.manager.http)
    answer = await visitor.post(f"/console/welcome/{await invite(house, manager)}", password="a brand new one!")
    assert (answer.status_code, visitor.token) == (303, "")
    assert "Your password is kept." in words_of(await visitor.follow(answer))
    assert (await people.manager.get("/console/me")).status_code == 303, "sessions of before are over"
    assert (await visitor.sign_in(MANAGER, "a brand new one!")).status_code == 422
    code = pyotp.TOTP(totp_secret(house, manager, 1)).at(house.clock.now())
    assert (await visitor.sign_in(MANAGER, "a brand new one!", code)).status_code == 303


async def test_who_takes_a_link_is_noted_by_the_link_whatever_the_form_says(
    http: httpx2.AsyncClient, house: House
) -> None:
    _, token = await add_person(house, OPERATOR, Role.OPERATOR, None)
    for link, who in ((token, OPERATOR), (token, ""), ("nobodys", "")):
        await Visitor(http).post(f"/console/welcome/{link}", password=PASSWORD, email="somebody@example.org")
        (deed,) = await house.deeds.newest(None, 1)
        assert (deed.action, deed.who) == ("accept-invitation", who)


async def test_a_link_is_good_for_two_days(http: httpx2.AsyncClient, house: House, clock: ManualClock) -> None:
    _, token = await add_person(house, OPERATOR, Role.OPERATOR, None)
    clock.advance(days=2)
    assert "This link was used" in words_of(await Visitor(http).get(f"/console/welcome/{token}"))


@pytest.mark.parametrize("password", ["short", "x" * 201, "aaaaaaaaaaaaaaaa", OPERATOR])
async def test_a_password_that_is_easy_to_guess_is_refused_and_the_link_stays_good(
    http: httpx2.AsyncClient, house: House, password: str
) -> None:
    _, token = await add_person(house, OPERATOR, Role.OPERATOR, None)
    visitor = Visitor(http)
    refused = await visitor.post(f"/console/welcome/{token}", password=password)
    assert (refused.status_code, visitor.token) == (422, "")
    assert "Choose a password" in words_of(refused)
    await visitor.come(f"/console/welcome/{token}")


async def test_wrong_passwords_and_unknown_people_are_told_the_same(people: People) -> None:
    said = set()
    for email in (MANAGER, "nobody@example.org", "no address"):
        visitor = Visitor(people.manager.http)
        answer = await visitor.sign_in(email, "the wrong password")
        said.add((answer.status_code, words_of(answer).replace(email, "")))
        assert visitor.token == ""
    assert len(said) == 1


async def test_signing_in_leads_to_where_one_wanted_to_go_and_nowhere_else(people: People) -> None:
    stranger = Visitor(people.manager.http)
    asked = await stranger.get(people.place)
    assert asked.headers["location"] == f"/console/sign-in?next={people.place}"
    for after, led in [
        (people.place, people.place),
        ("https://evil.example/", "/console/"),
        ("//evil.example/console/", "/console/"),
        ("/console/\\evil.example", "/console/"),
        ("/console/\r\nset-cookie: a=b", "/console/"),
    ]:
        answer = await stranger.post("/console/sign-in", email=MANAGER, password=PASSWORD, next=after)
        assert answer.headers["location"] == led


async def test_an_address_leads_back_as_it_was_written(http: httpx2.AsyncClient) -> None:
    for path in ("/console/a%0D%0Ab/live", "/console/a%26said%3Dsaved/live", "/console/%C3%A9/live"):
        answer = await http.get(path)
        assert answer.headers["location"] == f"/console/sign-in?next={path}"


async def test_the_cookies_of_others_are_not_in_the_way(people: People) -> None:
    for others in ('prefs={"a":1}; ', "a[]=b; =c; d; ", "\u00e9=1; "):
        cookies = f"{others}{NAME}={people.manager.token}; e=f".encode("latin-1")
        answer = await people.manager.http.get("/console/me", headers=[(b"cookie", cookies)])
        assert answer.status_code == 200, others


async def test_a_sign_in_from_elsewhere_is_none(people: People) -> None:
    http = people.manager.http
    fields = {"email": MANAGER, "password": PASSWORD}
    answer = await http.post("/console/sign-in", data=fields, headers={"origin": "https://evil.example"})
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
    answer = await http.post("/console/sign-in", data=fields, headers={"origin": HERE})
    assert answer.status_code == 303


async def test_too_many_sign_ins_from_one_address_are_refused_even_with_the_right_password(people: People) -> None:
    visitor = Visitor(people.manager.http)
    answers = [await visitor.sign_in(MANAGER, "the wrong password") for _ in range(10)]
    assert answers[-1].status_code in (422, 429)
    refused = await visitor.sign_in(MANAGER)
    assert (refused.status_code, visitor.token) == (429, "")


async def test_guesses_at_one_persons_password_are_bounded_from_wherever_they_come(
    people: People,
) -> None:
    answers = []
    for place in range(31):
        app = people.manager.http._transport.app  # type: ignore[attr-defined]
        transport = httpx2.ASGITransport(app=app, client=(f"2001:db8:{place}::1", 50000))
        async with httpx2.AsyncClient(transport=transport, base_url=HERE) as http:
            visitor = Visitor(http)
            answers.append((await visitor.sign_in(MANAGER.upper() if place % 2 else MANAGER, "wrong")).status_code)
    assert answers == [*[422] * 30, 429]


async def test_guesses_at_a_code_are_bounded_with_a_session_too(people: People, clock: ManualClock) -> None:
    answers = [(await people.manager.post("/console/me/codes", code=f"{guess:06d}")) for guess in range(31)]
    assert [answer.status_code for answer in answers] == [*[422] * 30, 429]
    assert (await people.manager.post("/console/me/password", password=PASSWORD)).status_code == 429
    assert (await people.viewer.post("/console/me/codes", code="000000")).status_code == 422, "another person's"
    clock.advance(seconds=120)
    assert (await people.manager.post("/console/me/codes", code="000000")).status_code == 422


async def test_a_cookie_is_only_ours_and_the_one_before_the_sign_in_is_never_taken(people: People) -> None:
    visitor = Visitor(people.manager.http, token="chosen by somebody else")
    answer = await visitor.sign_in(MANAGER)
    assert visitor.token != "chosen by somebody else"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{NAME}=")
    assert {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))


async def test_a_session_gets_new_tokens_and_the_old_one_is_good_for_a_moment(
    people: People, clock: ManualClock
) -> None:
    visitor = people.manager
    old = visitor.token
    clock.advance(seconds=TOKEN_LIFE.total_seconds())
    await visitor.get("/console/me")
    assert visitor.token != old
    late = Visitor(visitor.http, token=old)
    assert (await late.get("/console/me")).status_code == 200
    assert late.token == old
    clock.advance(seconds=TOKEN_GRACE.total_seconds())
    assert (await late.get("/console/me")).status_code == 303
    assert (await visitor.get("/console/me")).status_code == 200


@pytest.mark.parametrize("closed", ["/console/operator", "/console/acct_000000000000/live", "/console/nothing"])
async def test_a_new_token_comes_with_a_refusal_too(people: People, clock: ManualClock, closed: str) -> None:
    clock.advance(seconds=TOKEN_LIFE.total_seconds())
    assert (await people.manager.get(closed)).status_code == 404
    clock.advance(seconds=TOKEN_GRACE.total_seconds())
    assert (await people.manager.get("/console/me")).status_code == 200


async def test_a_new_token_comes_with_a_part_that_is_not_there(
    people: People, clock: ManualClock, house: House
) -> None:
    token = (await keep(house, people.account.account, "annonce", mode=Mode.SANDBOX)).token
    clock.advance(seconds=TOKEN_LIFE.total_seconds())
    people.manager.headers["range"] = "bytes=999999-"
    assert (await people.manager.get(f"{people.place}/recordings/{token}/sound.wav")).status_code == 416
    clock.advance(seconds=TOKEN_GRACE.total_seconds())
    assert (await people.manager.get("/console/me")).status_code == 200


async def test_an_idle_session_ends_and_an_old_one_too(people: People, clock: ManualClock) -> None:
    idle, busy = people.viewer, people.manager
    for _ in range(int(SESSION_LIFE / SESSION_IDLE) * 2 - 1):
        clock.advance(seconds=SESSION_IDLE.total_seconds() / 2)
        assert (await busy.get("/console/me")).status_code == 200
    assert (await idle.get("/console/me")).status_code == 303
    clock.advance(seconds=SESSION_IDLE.total_seconds() / 2)
    assert (await busy.get("/console/me")).status_code == 303


async def test_signing_out_ends_the_session(people: People) -> None:
    token = people.manager.token
    answer = await people.manager.post("/console/sign-out")
    assert answer.headers["location"] == "/console/sign-in?said=signed-out"
    assert (await Visitor(people.manager.http, token=token).get("/console/me")).status_code == 303


async def test_a_new_password_ends_every_other_session(people: People) -> None:
    elsewhere = Visitor(people.manager.http)
    await elsewhere.sign_in(MANAGER)
    wrong = await people.manager.post("/console/me/password", password="not it, no", new_password="a brand new one!")
    assert wrong.status_code == 422
    done = await people.manager.post("/console/me/password", password=PASSWORD, new_password="a brand new one!")
    assert done.status_code == 303
    assert (await people.manager.get("/console/me")).status_code == 200
    assert (await elsewhere.get("/console/me")).status_code == 303
    assert (await elsewhere.sign_in(MANAGER)).status_code == 422
    assert (await elsewhere.sign_in(MANAGER, "a brand new one!")).status_code == 303


async def test_who_is_shut_out_is_out_at_once(people: People, house: House) -> None:
    found = await house.people.by_email((await house.people.list())[0].email)
    assert found is not None
    person = next(one for one in await house.people.list() if one.email.text == MANAGER)
    await house.people.set_disabled(person.id, is_disabled=True)
    assert (await people.manager.get("/console/me")).status_code == 303
    assert (await Visitor(people.manager.http).sign_in(MANAGER)).status_code == 422
    await house.people.set_disabled(person.id, is_disabled=False)
    assert (await Visitor(people.manager.http).sign_in(MANAGER)).status_code == 303


async def test_a_code_is_asked_for_once_it_was_shown_and_is_good_once(people: People, clock: ManualClock) -> None:
    page = await people.manager.get("/console/me")
    secret = page.text.split("<code>")[1].split("</code>")[0]
    totp = pyotp.TOTP(secret)
    assert (await people.manager.post("/console/me/codes", code="000000")).status_code == 422
    shown = totp.at(clock.now())
    assert (await people.manager.post("/console/me/codes", code=shown)).status_code == 303
    visitor = Visitor(people.manager.http)
    assert (await visitor.sign_in(MANAGER)).status_code == 422
    assert (await visitor.sign_in(MANAGER, code=shown)).status_code == 422, "a code that was used"
    clock.advance(seconds=30)
    assert (
        await visitor.sign_in(MANAGER, code=f"{totp.at(clock.now())[:3]} {totp.at(clock.now())[3:]}")
    ).status_code == 303
    clock.advance(seconds=120)
    assert (await visitor.sign_in(MANAGER, code=shown)).status_code == 422, "a code of another time"
    assert (await people.manager.post("/console/me/codes", code=totp.at(clock.now()))).status_code == 303
    assert (await Visitor(people.manager.http).sign_in(MANAGER)).status_code == 303


async def test_the_language_that_was_chosen_is_spoken(people: People) -> None:
    assert "Your settings" in words_of(await people.manager.get("/console/me"))
    await people.manager.post("/console/me/language", language="fr")
    assert "Vos réglages" in words_of(await people.manager.get("/console/me"))
    assert (await people.manager.post("/console/me/language", language="xx")).status_code == 422


@pytest.mark.parametrize(
    ("headers", "is_warned"),
    [
        ({"host": "console.example"}, True),
        ({"host": "console.example", "x-forwarded-proto": "https"}, False),
        ({"host": "127.0.0.1:8080"}, False),
        ({"host": "[::1]:8080"}, False),
        ({"host": "[broken"}, True),
    ],
)
async def test_whoever_cannot_stay_signed_in_is_told_why(
    http: httpx2.AsyncClient, headers: dict[str, str], is_warned: bool
) -> None:
    page = await http.get("/console/sign-in", headers={"accept-language": "en", **headers})
    assert ("came without encryption" in words_of(page)) is is_warned


@pytest.mark.parametrize(
    ("charset", "is_read"),
    [("punycode", False), ('utf-8"; charset="punycode', False), ("utf-8", True), ('"UTF-8"', True)],
)
async def test_a_form_is_in_utf8_or_it_is_none(http: httpx2.AsyncClient, charset: str, is_read: bool) -> None:
    """A body is never decoded by a codec of its sender's choice: some take minutes for a megabyte."""
    name = b"email" if is_read else b"email-"  # "email", as punycode writes it
    part = b'--mark\r\ncontent-disposition: form-data; name="%b"\r\n\r\nbcher-kva\r\n--mark--\r\n' % name
    kind = f"multipart/form-data; charset={charset}; boundary=mark"
    headers = {"content-type": kind, "sec-fetch-site": "same-origin"}
    answer = await http.post("/console/sign-in", content=part, headers=headers)
    assert (answer.status_code, "b\u00fccher" in answer.text, "bcher-kva" in answer.text) == (422, False, is_read)
