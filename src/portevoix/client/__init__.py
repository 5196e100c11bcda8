# SPDX-License-Identifier: MIT
"""A typed client for Portevoix and for Voice Partner: one interface, sync and async.

with VoicePartner("pv_test_…", base_url="http://127.0.0.1:8080") as voice:
    print(voice.credits().credit)
"""

from portevoix.client.credit import Credit
from portevoix.client.errors import (
    AccessDenied,
    AccountBlocked,
    AccountDisabled,
    AddressDenied,
    ApiError,
    AudioRefused,
    BadRequest,
    ConnectionFailed,
    InsufficientCredit,
    InvalidKey,
    MissingKey,
    NotFound,
    RateLimited,
    ServiceFailed,
    TextRefused,
    TimedOut,
    UnexpectedAnswer,
    VoicePartnerError,
)
from portevoix.client.library import AudioFile, Conditioning, Recording
from portevoix.client.speech import Voice
from portevoix.client.voice_partner import AsyncVoicePartner, VoicePartner

__all__ = [
    "AccessDenied",
    "AccountBlocked",
    "AccountDisabled",
    "AddressDenied",
    "ApiError",
    "AsyncVoicePartner",
    "AudioFile",
    "AudioRefused",
    "BadRequest",
    "Conditioning",
    "ConnectionFailed",
    "Credit",
    "InsufficientCredit",
    "InvalidKey",
    "MissingKey",
    "NotFound",
    "RateLimited",
    "Recording",
    "ServiceFailed",
    "TextRefused",
    "TimedOut",
    "UnexpectedAnswer",
    "Voice",
    "VoicePartner",
    "VoicePartnerError",
]
