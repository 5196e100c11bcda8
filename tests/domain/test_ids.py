"""The names of accounts, keys and commands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portevoix.domain.errors import InvalidValue
from portevoix.domain.ids import AccountRef, Mode, parse_idempotency_key, parse_public_id, public_id

entropies = st.binary(min_size=12, max_size=12)


@given(entropies, st.sampled_from(["acct", "key"]))
def test_every_made_id_reads_back(entropy: bytes, kind: str) -> None:
    made = public_id(kind, entropy)
    assert parse_public_id(made, kind) == made
    assert len(made) == len(kind) + 13


def test_an_id_takes_neither_less_nor_more_randomness() -> None:
    for length in (0, 11, 13):
        with pytest.raises(ValueError, match="12 bytes"):
            public_id("acct", bytes(length))


def test_different_randomness_makes_different_ids() -> None:
    made = {public_id("acct", bytes([number]) * 12) for number in range(32)}
    assert len(made) == 32


@given(entropies, st.sampled_from(Mode))
def test_every_account_name_reads_back(entropy: bytes, mode: Mode) -> None:
    ref = AccountRef(public_id("acct", entropy), mode)
    assert AccountRef.parse(str(ref)) == ref


def test_an_account_without_a_mode_is_the_live_one() -> None:
    assert AccountRef.parse("acct_0123456789ab").mode is Mode.LIVE
    assert str(AccountRef("acct_0123456789ab", Mode.SANDBOX)) == "acct_0123456789ab/sandbox"


@pytest.mark.parametrize(
    "text",
    [
        "", "acct_", "acct_0123456789a", "acct_0123456789abc", "acct_0123456789aB", "acct_0123456789ai",
        "acct_0123456789al", "acct_0123456789ao", "acct_0123456789au", "key_0123456789ab", "acct_0123456789ab\n",
        " acct_0123456789ab", "acct_0123456789ab/", "acct_0123456789ab/live", "acct_0123456789ab/sandbox/",
        "acct_0123456789ab/Sandbox", "acct_٠123456789ab",
    ],
)  # fmt: skip
def test_what_is_no_account_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        AccountRef.parse(text)


def test_an_account_is_no_key() -> None:
    with pytest.raises(InvalidValue):
        parse_public_id("acct_0123456789ab", "key")


@given(st.text(alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=255))
def test_visible_ascii_is_an_idempotency_key(text: str) -> None:
    assert parse_idempotency_key(text) == text


@pytest.mark.parametrize("text", ["", "a b", "a\n", "\x00", "\x7f", "clé", "x" * 256])
def test_nothing_else_is_an_idempotency_key(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_idempotency_key(text)
