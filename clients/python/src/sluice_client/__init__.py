"""Client of Sluice: rooms as objects, sending without loss or doubles, resume, and publishing over HTTP."""

from .client import Inbox, Options, Room, Sluice
from .errors import SluiceError
from .publisher import Publisher
from .rules import identifier_problem, new_id, reconnect_delay

__all__ = [
    "Inbox", "Options", "Publisher", "Room", "Sluice", "SluiceError", "identifier_problem", "new_id", "reconnect_delay",
]  # fmt: skip
