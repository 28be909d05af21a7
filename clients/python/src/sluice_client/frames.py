"""Fields of the server's frames, checked: what is not as the protocol says is a `ValueError`."""

from __future__ import annotations

from typing import Any

Frame = dict[str, Any]
Place = tuple[str, int]  # (epoch, seq)

# The largest seq that every client can represent.
SEQ_MAX = 2**53 - 1


def text(frame: Frame, name: str) -> str:
    """A field that must be a text."""
    value = frame.get(name)
    if not isinstance(value, str):
        raise ValueError(f"no {name}")
    return value


def seq(frame: Frame, name: str = "seq") -> int:
    """A field that must be a seq."""
    value = frame.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= SEQ_MAX:
        raise ValueError(f"no {name}")
    return value


def place(frame: Frame) -> Place:
    """The epoch and the seq, which must be there."""
    return text(frame, "epoch"), seq(frame)


def entries(frame: Frame) -> list[tuple[str, str, Place]]:
    """The entries of a `confirm`: user, id and place of each."""
    given, epoch = frame.get("entries"), text(frame, "epoch")
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise ValueError("no entries")
    return [(text(each, "user"), text(each, "id"), (epoch, seq(each))) for each in given]


def following(frame: Frame) -> Place:
    """The place before the one that a `gap` announces."""
    epoch, next_seq = text(frame, "epoch"), seq(frame, "next_seq")
    if next_seq == 0:
        raise ValueError("no next_seq")
    return epoch, next_seq - 1
