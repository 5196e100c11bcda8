# SPDX-License-Identifier: MIT
"""A typed client for Portevoix and for Voice Partner: one interface, sync and async.

with VoicePartner("pv_test_…", base_url="http://127.0.0.1:8080") as voice:
    sent = voice.send_tts("06 39 98 04 00", "Bonjour, la piscine est fermée.")
    print(voice.wait(sent.campaign_id).settled)
"""

from portevoix.client.balance import Balance, LedgerLine
from portevoix.client.campaign import Cancelled, Sent, Share
from portevoix.client.credit import Credit
from portevoix.client.errors import (
    AccessDenied,
    AccountBlocked,
    AccountDisabled,
    AddressDenied,
    ApiError,
    AudioInUse,
    AudioRefused,
    BadRequest,
    ConnectionFailed,
    EmailRefused,
    Fault,
    IdempotencyConflict,
    InsufficientCredit,
    InvalidKey,
    MessageBegun,
    MissingKey,
    NotFound,
    NotifyUrlRefused,
    RateLimited,
    RecipientsRefused,
    SandboxOnly,
    ScheduleRefused,
    SenderRefused,
    ServiceFailed,
    SignatureInvalid,
    TextRefused,
    TimedOut,
    UnexpectedAnswer,
    VoicePartnerError,
)
from portevoix.client.event import Event, SignedNotice
from portevoix.client.library import AudioFile, Conditioning, Recording
from portevoix.client.message import Call, CallDetail, Message, Retries, Step, Stopped
from portevoix.client.order import Order, Price, Quote
from portevoix.client.sandbox import Advanced, MagicNumber, Mail, Received
from portevoix.client.signature import verify_webhook
from portevoix.client.speech import Voice
from portevoix.client.voice_partner import AsyncVoicePartner, VoicePartner
from portevoix.client.webhook import Try, Webhook

__all__ = [
    "AccessDenied",
    "AccountBlocked",
    "AccountDisabled",
    "AddressDenied",
    "Advanced",
    "ApiError",
    "AsyncVoicePartner",
    "AudioFile",
    "AudioInUse",
    "AudioRefused",
    "BadRequest",
    "Balance",
    "Call",
    "CallDetail",
    "Cancelled",
    "Conditioning",
    "ConnectionFailed",
    "Credit",
    "EmailRefused",
    "Event",
    "Fault",
    "IdempotencyConflict",
    "InsufficientCredit",
    "InvalidKey",
    "LedgerLine",
    "MagicNumber",
    "Mail",
    "Message",
    "MessageBegun",
    "MissingKey",
    "NotFound",
    "NotifyUrlRefused",
    "Order",
    "Price",
    "Quote",
    "RateLimited",
    "Received",
    "RecipientsRefused",
    "Recording",
    "Retries",
    "SandboxOnly",
    "ScheduleRefused",
    "SenderRefused",
    "Sent",
    "ServiceFailed",
    "Share",
    "SignatureInvalid",
    "SignedNotice",
    "Step",
    "Stopped",
    "TextRefused",
    "TimedOut",
    "Try",
    "UnexpectedAnswer",
    "Voice",
    "VoicePartner",
    "VoicePartnerError",
    "Webhook",
    "verify_webhook",
]
