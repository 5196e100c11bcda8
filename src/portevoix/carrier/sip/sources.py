"""Who is answered: the addresses of the trunks. Everybody else gets no word, not even that there is somebody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


class Sources:
    """Addresses that may speak to us, each for as long as somebody needs it."""

    def __init__(self) -> None:
        self._needed: Counter[str] = Counter()

    def allow(self, addresses: Iterable[str]) -> None:
        """Answer these from now on."""
        self._needed.update(one.strip("[]") for one in addresses)

    def refuse(self, addresses: Iterable[str]) -> None:
        """Let go of what ``allow`` was told; another may still need it."""
        self._needed.subtract(one.strip("[]") for one in addresses)
        self._needed = +self._needed

    def has(self, address: str) -> bool:
        """Tell whether an address is answered."""
        return self._needed[address.strip("[]")] > 0
