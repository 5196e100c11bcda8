"""Idempotency keys: a POST that is repeated under its key does nothing twice, and gets the first answer again."""

from __future__ import annotations

from hashlib import sha256

from starlette.types import Scope

from portevoix.domain.account import Access
from portevoix.domain.errors import DomainError, IdempotencyConflict
from portevoix.domain.ids import parse_idempotency_key
from portevoix.domain.notice import KeptAnswer
from portevoix.ports import House
from portevoix.web.answer import Answer

HEADER = b"idempotency-key"
REPLAYED = ((b"idempotent-replayed", b"true"),)


class AnsweredMeanwhile(DomainError):
    """Another request under the same key was faster: this one has changed nothing, and gets its answer."""

    code = "answered_meanwhile"


class Replay:
    """One request's idempotency key, if it bears one.

    Args:
        key: empty for none.
        place: what the request is made to: method, path and query.
    """

    def __init__(self, key: str, place: bytes, access: Access) -> None:
        self._key = key
        self._place = place
        self._access = access
        self._fingerprint = b""
        self._is_kept = False

    @classmethod
    def of(cls, scope: Scope, access: Access) -> Replay:
        """Read the key of a POST. Raises InvalidValue."""
        place = b"%b %b?%b" % (scope["method"].encode(), scope["path"].encode(), scope["query_string"])
        if scope["method"] != "POST":
            return cls("", place, access)
        key = next((value.decode("latin-1") for name, value in scope["headers"] if name == HEADER), None)
        return cls("" if key is None else parse_idempotency_key(key), place, access)

    async def begin(self, house: House, *content: bytes) -> Answer | None:
        """Look for the answer of an earlier request under the same key.

        Args:
            content: what makes this request the same as another: its body.

        Raises:
            IdempotencyConflict: the earlier request was another one.
        """
        if not self._key:
            return None
        digest = sha256(self._place)
        for part in content:
            digest.update(sha256(part).digest())
        self._fingerprint = digest.digest()
        return await self._find(house)

    async def instead_of(self, refusal: DomainError, house: House) -> Answer:
        """Find the answer of another request under the same key that was faster, and may have made ours impossible.

        Raises:
            DomainError: the refusal, where there was none.
        """
        if self._fingerprint and not self._is_kept and (before := await self._find(house)) is not None:
            return before
        raise refusal

    async def _find(self, house: House) -> Answer | None:
        kept = await house.answers.find(self._access.account_id, self._key)
        if kept is None:
            return None
        if kept.fingerprint != self._fingerprint:
            raise IdempotencyConflict("the idempotency key was used for another request")
        return Answer(kept.status, kept.body, kept.content_type.encode(), REPLAYED)

    async def keep(self, house: House, answer: Answer) -> None:
        """Keep the answer, once; in the unit of work of what was done, so that neither is there without the other.

        Raises:
            AnsweredMeanwhile: another request under the same key has been answered.
        """
        if not self._fingerprint or self._is_kept:
            return
        if not await house.answers.keep(self._access.account_id, self._key, self._kept(answer)):
            raise AnsweredMeanwhile("the request was answered meanwhile")
        self._is_kept = True

    async def amend(self, house: House, answer: Answer) -> None:
        """Keep another answer than the one that was kept before all was known."""
        if self._is_kept:
            await house.answers.amend(self._access.account_id, self._key, self._kept(answer))

    def _kept(self, answer: Answer) -> KeptAnswer:
        return KeptAnswer(self._fingerprint, answer.status, answer.content_type.decode(), answer.body)
