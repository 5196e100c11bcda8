# SPDX-License-Identifier: MIT
"""A typed client for Portevoix and for Voice Partner: one interface, sync and async.

with VoicePartner("pv_test_…", base_url="http://127.0.0.1:8080") as voice:
    print(voice.credits().credit)
"""

from portevoix.client.errors import (
    AccessDenied,
    AccountBlocked,
    AccountDisabled,
    AddressDenied,
    ApiError,
    BadRequest,
    ConnectionFailed,
    InsufficientCredit,
    InvalidKey,
    MissingKey,
    NotFound,
    RateLimited,
    ServiceFailed,
    TimedOut,
    UnexpectedAnswer,
    VoicePartnerError,
)
from portevoix.client.voice_partner import AsyncVoicePartner, VoicePartner
from portevoix.client.wire import Credit

__all__ = [
    "AccessDenied",
    "AccountBlocked",
    "AccountDisabled",
    "AddressDenied",
    "ApiError",
    "AsyncVoicePartner",
    "BadRequest",
    "ConnectionFailed",
    "Credit",
    "InsufficientCredit",
    "InvalidKey",
    "MissingKey",
    "NotFound",
    "RateLimited",
    "ServiceFailed",
    "TimedOut",
    "UnexpectedAnswer",
    "VoicePartner",
    "VoicePartnerError",
]
