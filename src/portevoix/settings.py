"""One frozen Settings, read once: from the environment, then ``portevoix.toml``, then the defaults."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from portevoix.audio.answering.terms import Terms
from portevoix.domain.account import Network, parse_address, parse_networks
from portevoix.domain.errors import InvalidValue
from portevoix.domain.limit import Limit
from portevoix.domain.mail import EmailAddress
from portevoix.domain.safety import Cap, parse_cap, parse_countries, parse_prefix_caps
from portevoix.domain.trunk import Server
from portevoix.notify.mail import parse_smtp_url

PREFIX = "PORTEVOIX_"

#: Where a worker answers, unless another port is given.
WORK_METRICS_PORT = 9108


@dataclass(frozen=True, slots=True)
class About:
    """What the documentation says of a setting.

    Args:
        default: as it would be written.
        meaning: what it is for.
    """

    default: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Settings:
    """How a node runs. Each field is ``PORTEVOIX_`` and its name in the environment, its name in the file."""

    data: Annotated[Path, About("./var", "the data folder: the embedded PostgreSQL, secrets, locks")]
    database_url: Annotated[
        str | None, About("", "a PostgreSQL connection string; without one, an embedded server in the data folder")
    ]
    database_direct_url: Annotated[
        str | None,
        About(
            "",
            "the way to the same database past a pooler in transaction mode, for what needs a session of its own; "
            "where it is set, `database_url` leads to the pooler",
        ),
    ]
    database_prepare: Annotated[
        str,
        About(
            "auto",
            "whether statements are prepared: `yes`, `no`, or `auto`: unless there is a pooler",
        ),
    ]
    host: Annotated[str, About("127.0.0.1", "the address to listen on")]
    port: Annotated[int, About("8080", "the port to listen on")]
    workers: Annotated[int, About("1", "processes that answer requests")]
    work: Annotated[
        bool, About("yes", "whether `portevoix serve` also dials and delivers; `no` where `portevoix work` does")
    ]
    work_metrics: Annotated[
        Server | None,
        About("", "where `portevoix work` answers `/healthz`, `/readyz` and `/metrics`, such as `127.0.0.1:9108`"),
    ]
    limits: Annotated[
        str,
        About(
            "auto",
            "where requests are counted: `local` (in each process), `shared` (in PostgreSQL, over all processes), "
            "or `auto`: shared where there are several workers",
        ),
    ]
    limit_me: Annotated[Limit | None, About("5/minute", "`GET /v1/me`, per account; `off` lifts a limit")]
    limit_audios: Annotated[Limit | None, About("360/minute", "`GET /v1/audios`, per account")]
    limit_rename: Annotated[Limit | None, About("5/minute", "`POST /v1/audio-file/rename`, per account")]
    limit_deposit: Annotated[Limit | None, About("5/minute", "`POST /v1/campaign/send`, per account")]
    limit_tts: Annotated[Limit | None, About("2000/hour", "`POST /v1/tts/send`, per account")]
    limit_cancel: Annotated[Limit | None, About("60/minute", "`DELETE /v1/campaign/cancel`, per account")]
    limit_v2: Annotated[Limit | None, About("600/minute", "all of `/v2`, and the like in the console, per account")]
    limit_wrong_key: Annotated[
        Limit | None, About("30/minute", "requests without a right key, per client address (an IPv6 /64)")
    ]
    trusted_proxies: Annotated[
        tuple[Network, ...], About("", "networks of reverse proxies whose `X-Forwarded-For` is believed")
    ]
    metrics_allow: Annotated[tuple[Network, ...], About("127.0.0.0/8 ::1", "networks that may read `/metrics`")]
    key_pepper: Annotated[
        str | None,
        About("", "a secret that API keys are digested with, the same on every node; else kept in the data folder"),
    ]
    audio_bytes: Annotated[int, About("20971520", "the size of an upload at most, in bytes")]
    audio_duration_s: Annotated[int, About("600", "the length of a recording or a spoken text at most, in seconds")]
    speech_engine: Annotated[
        str, About("espeak-ng", "what speaks: `espeak-ng`, `piper` (`speech_voices`), or `http` (`speech_url`)")
    ]
    speech_voices: Annotated[Path | None, About("", "the folder of Piper's voices: each `NAME.onnx` with its `.json`")]
    speech_url: Annotated[
        str | None, About("", "a server that speaks OpenAI's `/v1/audio/speech`, up to and including `/v1`")
    ]
    speech_model: Annotated[str, About("tts-1", "the model that the speech server is asked for")]
    speech_names: Annotated[
        tuple[tuple[str, str], ...],
        About("fr=alloy", "the speech server's voices: `fr=alloy en=nova`, the first one the default"),
    ]
    speech_key: Annotated[str | None, About("", "the speech server's own API key")]
    speech_cache_bytes: Annotated[int, About("16777216", "spoken audio kept in memory, in bytes; 8,000 a second")]
    calls_at_once: Annotated[int, About("200", "calls under way at most, in each process")]
    calls_per_second: Annotated[int, About("50", "calls begun a second at most, in each process")]
    account_calls_at_once: Annotated[int, About("100", "calls of one account under way at most, in each process")]
    account_calls_per_second: Annotated[
        int, About("25", "calls of one account begun a second at most, in each process")
    ]
    lease_s: Annotated[
        int, About("15", "seconds after which a process that dials is taken for dead, unless it shows itself before")
    ]
    drain_s: Annotated[
        int | None,
        About(
            "auto",
            "seconds that calls under way are let go on when a process is told to stop; `auto`: 60 in "
            "`portevoix work`, none in `portevoix serve`, which answers no requests meanwhile",
        ),
    ]
    most_recipients: Annotated[int, About("100000", "recipients of one message at most, through `/v2`")]
    bill_unanswered: Annotated[
        bool, About("no", "whether a call that rang and nobody answered costs its connection fee and minimum")
    ]
    bill_uncertain: Annotated[bool, About("no", "whether a call whose end is not known costs all that was set aside")]
    sip_address: Annotated[
        str,
        About("0.0.0.0:5060", "where SIP is spoken, over UDP; further media processes take the ports after it"),
    ]
    sip_public_address: Annotated[
        str | None, About("", "the address that trunks see us at, behind a NAT; else the one that SIP is spoken at")
    ]
    rtp_ports: Annotated[tuple[int, int], About("16384-32767", "the UDP ports of calls' audio, the first and the last")]
    media_processes: Annotated[
        int | None, About("auto", "processes of a node that speak SIP and send calls' audio; `auto`: one a core")
    ]
    ring_timeout_s: Annotated[int, About("45", "seconds that a phone rings before its call is given up")]
    amd_initial_silence_ms: Annotated[int, About("4000", "how a deposit is answered: no word for so long is silence")]
    amd_greeting_ms: Annotated[int, About("1700", "as much voice in one greeting is a machine's")]
    amd_after_greeting_silence_ms: Annotated[int, About("1500", "so long a silence after a shorter one: a person")]
    amd_total_ms: Annotated[int, About("7000", "what is not known so long after the answer is unsure")]
    amd_max_words: Annotated[int, About("7", "more words in one greeting are a machine's")]
    amd_listening_on_ms: Annotated[
        int, About("2500", "how long a person is still taken for a machine if one shows itself")
    ]
    amd_end_silence_ms: Annotated[
        int, About("1500", "so long a silence after a machine's greeting: no beep comes, and the message begins")
    ]
    record_calls_s: Annotated[
        int,
        About("0", "seconds that are kept, for proof, of what the far end says from the answer on; `0` for none"),
    ]
    record_keep_days: Annotated[int, About("30", "days until that is erased")]
    keep_months: Annotated[
        int, About("3", "whole months before this one whose messages `portevoix archive` leaves where they are")
    ]
    countries_allowed: Annotated[
        frozenset[str], About("fr gf gp mq re yt", "countries that trunks may call; all others are refused")
    ]
    account_cap: Annotated[
        Cap,
        About("10000/500", "calls, and euros set aside for them, a day at most of an account without a cap of its own"),
    ]
    prefix_caps: Annotated[
        tuple[tuple[str, Cap], ...],
        About("", "the same towards numbers that begin with a prefix: `44=200/50 1=20/off`"),
    ]
    alarm_calls: Annotated[int, About("2000", "calls of one account within an hour that raise an alarm")]
    asterisk_sounds: Annotated[
        str | None,
        About("", "where messages are laid for Asterisk to play: a folder, or `HERE:THERE` as Asterisk sees it"),
    ]
    failover: Annotated[
        str,
        About(
            "hold",
            "what follows when another PostgreSQL took over: `hold` dials nothing until `portevoix recover`; `go-on` "
            "is for those whose synchronous replica has every commit",
        ),
    ]
    trunk_fiction: Annotated[
        bool, About("no", "whether trunks on this machine take numbers of fiction: for a test bench alone")
    ]
    simulator_speed: Annotated[
        int | None,
        About("1", "how fast simulated phones live: `1` is real time, `60` a minute a second, `max` waits for nothing"),
    ]
    simulator_seed: Annotated[int, About("0", "what the simulated phones of 80 to 89 choose by")]
    simulator_witness: Annotated[
        Path | None, About("", "a file that gets a line before a simulated phone is called, for proof")
    ]
    webhooks_allow: Annotated[
        tuple[Network, ...],
        About("", "networks that webhooks may reach although they are private, such as `127.0.0.0/8`"),
    ]
    smtp_url: Annotated[
        str | None, About("", "a mail server: `smtp://USER:PASSWORD@HOST:587`; without one, mails are kept to be read")
    ]
    mail_from: Annotated[str, About("portevoix@localhost", "the address that mails come from")]
    request_log: Annotated[
        bool, About("yes", "whether requests to the API are kept with their answers, for a week, for the console")
    ]
    log_format: Annotated[str, About("auto", "`json`, `text`, or `auto`: text on a terminal")]
    log_level: Annotated[str, About("info", "`debug`, `info`, `warning` or `error`")]

    @classmethod
    def read(cls, environment: Mapping[str, str], **flags: object) -> Settings:
        """Read the settings.

        Args:
            environment: the process's.
            flags: what the command line gave, by field; ``None`` where it gave nothing.

        Raises:
            InvalidValue: a value that does not parse, or a name in the file that nobody knows.
        """
        given = {name: str(value) for name, value in flags.items() if value is not None}
        from_environment = {
            name: environment[PREFIX + name.upper()] for name in SETTINGS if PREFIX + name.upper() in environment
        }
        texts = _read_file(environment) | from_environment | given
        values: dict[str, Any] = {}
        for name, about in SETTINGS.items():
            try:
                values[name] = _PARSERS.get(name, Limit.parse)(texts.get(name, about.default))
            except InvalidValue as problem:
                raise InvalidValue(f"{PREFIX}{name.upper()}: {problem}") from None
        settings = cls(**values)
        if settings.database_direct_url and not settings.database_url:
            raise InvalidValue(f"{PREFIX}DATABASE_DIRECT_URL: {PREFIX}DATABASE_URL must lead to the pooler")
        try:
            _ = settings.amd
        except InvalidValue as problem:
            raise InvalidValue(f"{PREFIX}AMD_*: {problem}") from None
        return settings

    def environment(self) -> dict[str, str]:
        """Write the settings as environment variables that ``read`` reads back, for a process of our own."""
        return {PREFIX + name.upper(): _write(name, getattr(self, name)) for name in SETTINGS}

    @property
    def allowed(self) -> Mapping[str, Limit | None]:
        """The limits of an account by name; ``None`` lifts one."""
        return {
            name: getattr(self, f"limit_{name}")
            for name in ("me", "audios", "rename", "deposit", "tts", "cancel", "v2")
        }

    @property
    def amd(self) -> Terms:
        """What the answers to deposits are judged by. Raises AnsweringInvalid where that contradicts itself."""
        return Terms(
            initial_silence_ms=self.amd_initial_silence_ms,
            greeting_ms=self.amd_greeting_ms,
            after_greeting_silence_ms=self.amd_after_greeting_silence_ms,
            total_ms=self.amd_total_ms,
            max_words=self.amd_max_words,
            listening_on_ms=self.amd_listening_on_ms,
            end_silence_ms=self.amd_end_silence_ms,
        )

    @property
    def is_pooled(self) -> bool:
        """Whether a pooler in transaction mode stands before the database."""
        return self.database_direct_url is not None

    def past_pooler(self, url: str) -> str:
        """Return the way to a database past its pooler, where there is one."""
        return self.database_direct_url or url

    @property
    def prepares(self) -> bool:
        """Whether statements are prepared."""
        return self.database_prepare == "yes" or (self.database_prepare == "auto" and not self.is_pooled)

    @property
    def limits_are_shared(self) -> bool:
        """Whether requests are counted in PostgreSQL."""
        return self.limits == "shared" or (self.limits == "auto" and self.workers > 1)


#: What else is read of the environment: where the file is, and what commands take.
OTHERS = frozenset({"CONFIG", "KEY", "TRUNK_PASSWORD", "URL"})

#: Every setting by its name, in order.
SETTINGS: dict[str, About] = {
    name: hint.__metadata__[0] for name, hint in get_type_hints(Settings, include_extras=True).items()
}


def unknown(environment: Mapping[str, str]) -> list[str]:
    """Name the variables that look like settings, but that nobody reads."""
    known = {PREFIX + name for name in OTHERS} | {PREFIX + name.upper() for name in SETTINGS}
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in known)


def _read_file(environment: Mapping[str, str]) -> dict[str, str]:
    path = Path(environment.get("PORTEVOIX_CONFIG", "portevoix.toml"))
    if not path.exists():
        if "PORTEVOIX_CONFIG" in environment:
            raise InvalidValue(f"PORTEVOIX_CONFIG: there is no file {path}")
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise InvalidValue(f"{path}: {problem}") from None
    strangers = sorted(set(table) - set(SETTINGS))
    if strangers:
        raise InvalidValue(f"{path}: nobody knows {', '.join(strangers)}")
    return {name: " ".join(map(str, value)) if isinstance(value, list) else str(value) for name, value in table.items()}


def _number(smallest: int, largest: int, text: str) -> int:
    if not (text.isascii() and text.isdigit() and smallest <= int(text) <= largest):
        raise InvalidValue(f"a whole number from {smallest} to {largest}, not {text[:20]!r}")
    return int(text)


def _yes(text: str) -> bool:
    return _choice("yes", "no")(text) == "yes"


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    pairs = [part.partition("=") for part in text.replace(",", " ").split()]
    if any(not (name and value) for name, _, value in pairs):
        raise InvalidValue(f"pairs such as fr=alloy, not {text[:40]!r}")
    return tuple((name, value) for name, _, value in pairs)


def _address(text: str) -> str:
    if parse_address(text) is None:
        raise InvalidValue(f"an IP address, not {text[:40]!r}")
    return text


def _folders(text: str) -> str:
    folders = text.split(":")
    if len(folders) > 2 or not all(folder.startswith("/") for folder in folders):
        raise InvalidValue(f"a folder from the root on, or two with a colon between, not {text[:40]!r}")
    return text


def _ports(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    ports = _number(1024, 65534, first), _number(1025, 65535, last)
    if ports[0] >= ports[1]:
        raise InvalidValue(f"the first and the last of some ports, such as 16384-32767, not {text[:20]!r}")
    return ports


def _folder(text: str) -> Path:
    if not text:
        raise InvalidValue("the path of a folder, not nothing")
    return Path(text)


def _choice(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise InvalidValue(f"one of {', '.join(choices)}, not {text[:40]!r}")
        return text

    return parse


_PARSERS: dict[str, Callable[[str], object]] = {
    "data": _folder,
    "database_url": lambda text: text or None,
    "database_direct_url": lambda text: text or None,
    "database_prepare": _choice("auto", "yes", "no"),
    "host": str,
    "port": lambda text: _number(1, 65535, text),
    "workers": lambda text: _number(1, 256, text),
    "work": lambda text: _yes(text),
    "work_metrics": lambda text: Server.parse(text, WORK_METRICS_PORT) if text else None,
    "limits": _choice("auto", "local", "shared"),
    "trusted_proxies": parse_networks,
    "metrics_allow": parse_networks,
    "key_pepper": lambda text: text or None,
    "audio_bytes": lambda text: _number(1, 10**9, text),
    "audio_duration_s": lambda text: _number(1, 3600, text),
    "speech_engine": _choice("espeak-ng", "piper", "http"),
    "speech_voices": lambda text: Path(text) if text else None,
    "speech_url": lambda text: text or None,
    "speech_model": str,
    "speech_names": lambda text: _pairs(text),
    "speech_key": lambda text: text or None,
    "speech_cache_bytes": lambda text: _number(0, 10**10, text),
    "calls_at_once": lambda text: _number(1, 10**6, text),
    "calls_per_second": lambda text: _number(1, 10**6, text),
    "account_calls_at_once": lambda text: _number(1, 10**6, text),
    "account_calls_per_second": lambda text: _number(1, 10**6, text),
    "lease_s": lambda text: _number(1, 3_600, text),
    "drain_s": lambda text: None if text == "auto" else _number(0, 3_600, text),
    "most_recipients": lambda text: _number(1, 10**6, text),
    "bill_unanswered": lambda text: _yes(text),
    "bill_uncertain": lambda text: _yes(text),
    "sip_address": lambda text: str(Server.parse(text)),
    "sip_public_address": lambda text: _address(text) if text else None,
    "rtp_ports": lambda text: _ports(text),
    "media_processes": lambda text: None if text == "auto" else _number(1, 256, text),
    "ring_timeout_s": lambda text: _number(1, 600, text),
    "amd_initial_silence_ms": lambda text: _number(20, 60_000, text),
    "amd_greeting_ms": lambda text: _number(20, 60_000, text),
    "amd_after_greeting_silence_ms": lambda text: _number(20, 60_000, text),
    "amd_total_ms": lambda text: _number(20, 60_000, text),
    "amd_max_words": lambda text: _number(1, 100, text),
    "amd_listening_on_ms": lambda text: _number(20, 60_000, text),
    "amd_end_silence_ms": lambda text: _number(20, 60_000, text),
    "record_calls_s": lambda text: _number(0, 30, text),
    "record_keep_days": lambda text: _number(1, 3_650, text),
    "keep_months": lambda text: _number(1, 1_200, text),
    "countries_allowed": parse_countries,
    "account_cap": parse_cap,
    "prefix_caps": parse_prefix_caps,
    "alarm_calls": lambda text: _number(1, 10**9, text),
    "asterisk_sounds": lambda text: _folders(text) if text else None,
    "failover": _choice("hold", "go-on"),
    "trunk_fiction": lambda text: _yes(text),
    "simulator_speed": lambda text: None if text == "max" else _number(1, 10**6, text),
    "simulator_seed": lambda text: _number(0, 10**18, text),
    "simulator_witness": lambda text: Path(text) if text else None,
    "webhooks_allow": parse_networks,
    "smtp_url": lambda text: parse_smtp_url(text) and text if text else None,
    "mail_from": lambda text: str(EmailAddress.parse(text)),
    "request_log": lambda text: _yes(text),
    "log_format": _choice("auto", "json", "text"),
    "log_level": _choice("debug", "info", "warning", "error"),
}


def _write(name: str, value: object) -> str:
    if name == "rtp_ports":
        return "-".join(map(str, value))  # type: ignore[call-overload]
    if name in ("drain_s", "media_processes") and value is None:
        return "auto"
    if isinstance(value, frozenset):
        return " ".join(sorted(value))
    if isinstance(value, tuple):
        return " ".join("=".join(map(str, part)) if isinstance(part, tuple) else str(part) for part in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "off" if name.startswith("limit_") else "max" if name == "simulator_speed" else ""
    return str(value)
