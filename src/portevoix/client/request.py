# SPDX-License-Identifier: MIT
"""One description of each request, which the sync and the async client share; no I/O here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Generic, TypeVar

import httpx2

from portevoix.client.answer import Answer
from portevoix.client.errors import ConnectionFailed, TimedOut
from portevoix.client.key import ApiKey, KeyPlace

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart form with a file in the field ``file``.

    Args:
        file: read in pieces while it is sent.
        filename: of the file's part.
        fields: the other fields.
    """

    file: BinaryIO
    filename: str
    fields: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Request(Generic[Result]):
    """One request, without the key.

    Args:
        path: without the key that it may end with.
        key: where the key goes.
        read: makes the result of an answer; raises ApiError, UnexpectedAnswer.
        query: added to the URL.
        body: sent as JSON.
        form: sent instead of JSON.
    """

    method: str
    path: str
    key: KeyPlace
    read: Callable[[Answer], Result]
    query: Mapping[str, str] | None = None
    body: Mapping[str, object] | None = None
    form: Form | None = None

    def build(self, http: httpx2.Client | httpx2.AsyncClient, key: ApiKey) -> httpx2.Request:
        """Make the HTTP request, with the key."""
        path, body, headers = self.path, self.body, {}
        if self.key is KeyPlace.PATH:
            path = f"{path}/{key.segment()}"
        elif self.key is KeyPlace.BODY:
            body = {"apiKey": key.text, **(body or {})}
        else:
            headers["Authorization"] = key.bearer()
        if self.form is not None:
            part = (self.form.filename, self.form.file, "application/octet-stream")
            return http.build_request(self.method, path, headers=headers, data=self.form.fields, files={"file": part})
        if body is None:
            return http.build_request(self.method, path, headers=headers, params=self.query)
        # Written here: the HTTP library's own JSON fails on half characters, which a command line can give.
        headers["Content-Type"] = "application/json"
        return http.build_request(self.method, path, headers=headers, content=json.dumps(body).encode("ascii"))

    def result(self, response: httpx2.Response, key: ApiKey) -> Result:
        """Make the result of what came back. Raises ApiError, UnexpectedAnswer."""
        return self.read(Answer(response.status_code, response.headers, key.cut_from(response.content)))


@contextmanager
def told_failures() -> Iterator[None]:
    """Turn the HTTP library's errors into ours, without the URL, which may hold the key."""
    try:
        yield
    except httpx2.TimeoutException:
        raise TimedOut("the service did not answer in time") from None
    except (httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError) as problem:
        raise ConnectionFailed(f"the connection to the service broke: {type(problem).__name__}") from None
    except httpx2.HTTPError as problem:
        raise ConnectionFailed(f"the service could not be reached: {type(problem).__name__}") from None
    except ExceptionGroup:  # several addresses were tried at once, each in vain
        raise ConnectionFailed("the service could not be reached") from None
    except (httpx2.InvalidURL, UnicodeError, OverflowError):  # a host name or a port that none can have
        raise ConnectionFailed("the base URL is not a URL") from None
