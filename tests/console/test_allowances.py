"""The operator's page of an account: the cap and the countries that it has of its own."""

from __future__ import annotations

from html import unescape

import pytest

from portevoix.domain.safety import NOTHING_OWN, Cap, OwnAllowance
from portevoix.ports import House
from tests.console.conftest import OPERATOR, People
from tests.console.test_operator import EVIL, account_of, place
from tests.console.visitor import words_of


async def allowance_of(house: House, people: People) -> OwnAllowance:
    return (await account_of(house, people)).allowance


async def test_a_live_account_is_given_a_cap_and_countries_of_its_own(people: People, house: House) -> None:
    operator, at = people.operator, place(people)
    page = await operator.get(at)
    assert all(f'placeholder="{text}"' in page.text for text in ("10000/500", "fr gf gp mq re yt"))
    answer = await operator.follow(await operator.post(f"{at}/cap", cap=" 20 000/off"))
    assert ("Saved." in words_of(answer), 'value="20000/off"' in answer.text) == (True, True)
    answer = await operator.follow(await operator.post(f"{at}/countries", countries="BE, fr"))
    assert 'value="be fr"' in answer.text
    assert "the installation does not allow them: be." in words_of(answer)
    assert await allowance_of(house, people) == OwnAllowance(Cap(20_000), frozenset({"be", "fr"}))
    deeds = await house.deeds.newest(None, 2, people.account.account)
    assert [(deed.who, deed.action, deed.outcome) for deed in deeds] == [
        (OPERATOR, "change-countries", "done"),
        (OPERATOR, "change-cap", "done"),
    ]
    said = words_of(await operator.get("/console/operator/deeds"))
    assert all(words in said for words in ("changed a day’s cap", "changed the countries that may be called"))
    await operator.post(f"{at}/cap", cap=" ")
    assert await allowance_of(house, people) == OwnAllowance(None, frozenset({"be", "fr"}))
    await operator.post(f"{at}/countries", countries="")
    assert await allowance_of(house, people) == NOTHING_OWN


@pytest.mark.parametrize(
    ("form", "typed", "told", "french"),
    [
        ("cap", "200", "Write a cap as 200/50", "Écrivez un plafond comme 200/50"),
        ("cap", "-1/5", "Write a cap as 200/50", "Écrivez un plafond comme 200/50"),
        ("cap", EVIL, "Write a cap as 200/50", "Écrivez un plafond comme 200/50"),
        ("countries", "France", "Write countries by two letters", "Écrivez chaque pays par deux lettres"),
        ("countries", ",", "Write countries by two letters", "Écrivez chaque pays par deux lettres"),
        ("countries", EVIL, "Write countries by two letters", "Écrivez chaque pays par deux lettres"),
    ],
)
async def test_a_cap_and_countries_that_are_none_change_nothing_and_are_kept_to_be_mended(
    people: People, house: House, form: str, typed: str, told: str, french: str
) -> None:
    answer = await people.operator.post(f"{place(people)}/{form}", **{form: typed})
    assert (answer.status_code, told in words_of(answer)) == (422, True)
    assert f'value="{typed}"' in unescape(answer.text)
    assert "<script>alert" not in answer.text
    people.operator.headers["accept-language"] = "fr"
    assert french in words_of(await people.operator.post(f"{place(people)}/{form}", **{form: typed}))
    assert await allowance_of(house, people) == NOTHING_OWN


async def test_a_sandbox_has_no_cap_and_no_countries(people: People, house: House) -> None:
    at = place(people, "sandbox")
    assert "Cap and countries" not in words_of(await people.operator.get(at))
    for form, typed in (("cap", "1/1"), ("countries", "fr")):
        answer = await people.operator.post(f"{at}/{form}", **{form: typed})
        assert (answer.status_code, "A sandbox has no cap and no countries" in words_of(answer)) == (422, True)
    people.operator.headers["accept-language"] = "fr"
    answer = await people.operator.post(f"{at}/cap", cap="1/1")
    assert "Un bac à sable n’a ni plafond ni pays" in words_of(answer)
    assert {one.allowance for one in await house.accounts.list()} == {NOTHING_OWN}
