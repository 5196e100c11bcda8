"""What a use case may reach: Protocols that the adapters fit, and the house that holds them."""

from portevoix.ports.archive import Archive
from portevoix.ports.chores import Chore, Chores
from portevoix.ports.clock import Clock
from portevoix.ports.credit import Accounts, Keys, Ledger, Limits, Tariffs
from portevoix.ports.exchanges import Exchanges
from portevoix.ports.house import House, Policy
from portevoix.ports.nodes import ORDINARY, DatabaseSight, Node, Nodes, Queues, Replica, Role, Standing
from portevoix.ports.notices import Answers, Mailer, Notices, Signals, Subscription, WebhookSender
from portevoix.ports.people import Deeds, Drafts, People, Sessions
from portevoix.ports.restoring import Restoring, Whereabouts
from portevoix.ports.sending import Calls, Campaigns, Carrier, Sandboxes
from portevoix.ports.studio import Recordings, Speech, Uploads, Waves
from portevoix.ports.trunks import Room, Trunks, TrunkSight

__all__ = [
    "ORDINARY",
    "Accounts",
    "Answers",
    "Archive",
    "Calls",
    "Campaigns",
    "Carrier",
    "Chore",
    "Chores",
    "Clock",
    "DatabaseSight",
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
    "Replica",
    "Restoring",
    "Role",
    "Room",
    "Sandboxes",
    "Sessions",
    "Signals",
    "Speech",
    "Standing",
    "Subscription",
    "Tariffs",
    "TrunkSight",
    "Trunks",
    "Uploads",
    "Waves",
    "WebhookSender",
    "Whereabouts",
]
