"""Who may enter."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portevoix.domain.account import (
    ALL_SCOPES,
    Access,
    Network,
    Scope,
    State,
    admit,
    is_secret,
    is_within,
    parse_address,
    parse_name,
    parse_networks,
    parse_reason,
    parse_scopes,
    secret_hint,
    secret_text,
)
from portevoix.domain.errors import (
    AccessRefused,
    AccountBlocked,
    AccountDisabled,
    AddressRefused,
    InvalidValue,
    ScopeRefused,
)
from portevoix.domain.ids import Mode

INSIDE, OUTSIDE = ip_address("192.0.2.7"), ip_address("198.51.100.7")
OFFICE = (ip_network("192.0.2.0/24"),)


def access(
    state: State = State.ACTIVE, scopes: frozenset[Scope] = ALL_SCOPES, allowed: tuple[Network, ...] = ()
) -> Access:
    return Access(1, 1, state, scopes, allowed, 0, None, 1)


def test_an_active_account_enters_from_anywhere_where_nothing_is_listed() -> None:
    for address in (INSIDE, OUTSIDE, ip_address("2001:db8::1"), None):
        admit(access(), Scope.READ, address)


@pytest.mark.parametrize("scope", Scope)
def test_a_key_does_what_its_scopes_say_and_nothing_else(scope: Scope) -> None:
    admit(access(scopes=frozenset({scope})), scope, None)
    with pytest.raises(ScopeRefused):
        admit(access(scopes=ALL_SCOPES - {scope}), scope, None)


@pytest.mark.parametrize(("state", "error"), [(State.DISABLED, AccountDisabled), (State.BLOCKED, AccountBlocked)])
def test_an_account_that_is_not_active_stays_outside(state: State, error: type[AccessRefused]) -> None:
    with pytest.raises(error):
        admit(access(state=state), Scope.READ, INSIDE)


def test_the_state_is_told_before_the_address_and_the_address_before_the_scope() -> None:
    nothing_right = access(State.DISABLED, frozenset({Scope.SEND}), OFFICE)
    with pytest.raises(AccountDisabled):
        admit(nothing_right, Scope.READ, OUTSIDE)
    with pytest.raises(AddressRefused):
        admit(access(State.ACTIVE, frozenset({Scope.SEND}), OFFICE), Scope.READ, OUTSIDE)
    with pytest.raises(ScopeRefused):
        admit(access(State.ACTIVE, frozenset({Scope.SEND}), OFFICE), Scope.READ, INSIDE)


def test_an_allow_list_admits_its_networks_alone() -> None:
    admit(access(allowed=OFFICE), Scope.READ, INSIDE)
    with pytest.raises(AddressRefused):
        admit(access(allowed=OFFICE), Scope.READ, OUTSIDE)


def test_an_allow_list_admits_nobody_whose_address_is_unknown() -> None:
    with pytest.raises(AddressRefused):
        admit(access(allowed=(ip_network("0.0.0.0/0"), ip_network("::/0"))), Scope.READ, None)


def test_an_ipv4_address_mapped_to_ipv6_counts_as_ipv4() -> None:
    mapped = ip_address("::ffff:192.0.2.7")
    assert isinstance(mapped, IPv6Address)
    assert is_within(mapped, OFFICE)
    assert not is_within(ip_address("::ffff:198.51.100.7"), OFFICE)
    assert not is_within(mapped, (ip_network("::/0"),))


def test_an_ipv6_address_is_in_no_ipv4_network() -> None:
    assert not is_within(ip_address("2001:db8::1"), (ip_network("0.0.0.0/0"),))
    assert is_within(ip_address("2001:db8::1"), (ip_network("0.0.0.0/0"), ip_network("2001:db8::/32")))


def test_networks_are_separated_by_commas_or_blanks() -> None:
    assert parse_networks(" 192.0.2.0/24,2001:db8::/32  198.51.100.7 ,") == (
        ip_network("192.0.2.0/24"),
        ip_network("2001:db8::/32"),
        ip_network("198.51.100.7/32"),
    )
    assert parse_networks("") == ()


networks = st.lists(
    st.one_of(
        st.builds(
            lambda value, length: ip_network((value, length), strict=False),
            st.integers(0, 2**32 - 1),
            st.integers(0, 32),
        ),
        st.builds(
            lambda value, length: ip_network((value.to_bytes(16, "big"), length), strict=False),
            st.integers(0, 2**128 - 1),
            st.integers(0, 128),
        ),
    )
)


@given(networks)
def test_written_networks_read_back(given_networks: list[Network]) -> None:
    assert parse_networks(" ".join(map(str, given_networks))) == tuple(given_networks)


@pytest.mark.parametrize("text", ["192.0.2.1/24", "192.0.2.0/33", "example.org", "192.0.2", "192.0.2.0/24;::1", "*"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_networks(text)


@given(st.text())
def test_any_text_is_an_address_or_nothing(text: str) -> None:
    address = parse_address(text)
    assert address is None or parse_address(str(address)) == address


def test_scopes_are_separated_by_commas() -> None:
    assert parse_scopes(" read , send,read") == {Scope.READ, Scope.SEND}
    assert parse_scopes(",".join(Scope)) == ALL_SCOPES


@pytest.mark.parametrize("text", ["", ",", "write", "READ", "read,all", "read send"])
def test_unknown_scopes_and_none_at_all_are_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_scopes(text)


@given(st.binary(min_size=32, max_size=32), st.sampled_from(Mode))
def test_a_made_key_has_the_form_of_a_key_and_its_hint_hides_it(entropy: bytes, mode: Mode) -> None:
    secret = secret_text(mode, entropy)
    assert is_secret(secret)
    assert secret.startswith("pv_live_" if mode is Mode.LIVE else "pv_test_")
    assert entropy.hex() in secret
    assert secret_hint(secret) == f"{secret[:8]}…{secret[-4:]}"


def test_a_key_takes_exactly_256_bits() -> None:
    for length in (0, 31, 33):
        with pytest.raises(ValueError, match="32 bytes"):
            secret_text(Mode.LIVE, bytes(length))


@pytest.mark.parametrize(
    "text",
    [
        "", "pv_live_", "pv_live_" + "0" * 63, "pv_live_" + "0" * 65, "pv_test_" + "G" * 64, "pv_live_" + "A" * 64,
        "pv_prod_" + "0" * 64, "PV_live_" + "0" * 64, "pv_live_" + "0" * 64 + "\n", "x" * 72, "pv_live_" + "٠" * 64,
    ],
)  # fmt: skip
def test_nothing_else_has_the_form_of_a_key(text: str) -> None:
    assert not is_secret(text)


def test_a_name_is_trimmed_and_kept() -> None:
    assert parse_name("  Mairie de Saint-Étienne ") == "Mairie de Saint-Étienne"
    assert parse_name("x" * 100) == "x" * 100


@pytest.mark.parametrize("text", ["", "   ", "x" * 101, "a\nb", "a\x00b", "a\x1b[31mb", "\udc80", "a\u202eb"])
def test_a_name_that_cannot_be_shown_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_name(text)


def test_a_reason_is_trimmed_and_a_blank_one_is_none() -> None:
    assert parse_reason(" facture n° 7 ") == "facture n° 7"
    assert [parse_reason(text) for text in (None, "", " \t\n")] == [None] * 3
    assert parse_reason("x" * 500) == "x" * 500


@pytest.mark.parametrize("text", ["x" * 501, "a\nb", "a\x00b", "\udcff", "a\tb"])
def test_a_reason_that_cannot_be_shown_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_reason(text)
