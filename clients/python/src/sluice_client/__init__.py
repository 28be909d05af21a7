"""Client of Sluice: rooms as objects, sending without loss or doubles, resume, and publishing over HTTP."""

from .client import Sluice
from .errors import SluiceError
from .inbox import Inbox
from .options import Options
from .publisher import Publisher
from .room import Room
from .rules import identifier_problem, new_id, reconnect_delay

__all__ = [
    "Inbox", "Options", "Publisher", "Room", "Sluice", "SluiceError", "identifier_problem", "new_id", "reconnect_delay",
]  # fmt: skip
