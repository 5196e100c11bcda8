"""What a use case may reach: Protocols that the adapters fit, and the house that holds them."""

from portevoix.ports.clock import Clock
from portevoix.ports.credit import Accounts, Keys, Ledger, Limits, Tariffs
from portevoix.ports.exchanges import Exchanges
from portevoix.ports.house import House, Policy
from portevoix.ports.nodes import Node, Nodes, Queues
from portevoix.ports.notices import Answers, Mailer, Notices, Signals, Subscription, WebhookSender
from portevoix.ports.people import Deeds, Drafts, People, Sessions
from portevoix.ports.restoring import Restoring, Whereabouts
from portevoix.ports.sending import Calls, Campaigns, Carrier, Sandboxes
from portevoix.ports.studio import Recordings, Speech, Uploads, Waves
from portevoix.ports.trunks import Room, Trunks, TrunkSight

__all__ = [
    "Accounts",
    "Answers",
    "Calls",
    "Campaigns",
    "Carrier",
    "Clock",
    "Deeds",
    "Drafts",
    "Exchanges",
    "House",
    "Keys",
    "Ledger",
    "Limits",
    "Mailer",
    "Node",
    "Nodes",
    "Notices",
    "People",
    "Policy",
    "Queues",
    "Recordings",
    "Restoring",
    "Room",
    "Sandboxes",
    "Sessions",
    "Signals",
    "Speech",
    "Subscription",
    "Tariffs",
    "TrunkSight",
    "Trunks",
    "Uploads",
    "Waves",
    "WebhookSender",
    "Whereabouts",
]
