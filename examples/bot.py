#!/usr/bin/env python3
"""A bot that rolls dice in the lobby: python3 examples/bot.py [NODE [BACK-END]], with the client of clients/python.

It answers !roll, and !help. BACK-END gives it tokens (backend.py), where the node asks for them.
"""

import asyncio
import random
import sys
import urllib.request

from sluice_client import Sluice

NAME = "dice"


def answer(text, user):
    """The bot's words; None where it was not asked."""
    if text == "!roll":
        return f"{user} rolls {random.randint(1, 6)}"
    return "say !roll" if text == "!help" else None


async def main(node, back_end):
    def fetch():
        request = urllib.request.Request(f"{back_end}/token", NAME.encode())
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.read().decode()

    get_token = (lambda: asyncio.to_thread(fetch)) if back_end else None
    async with Sluice(node, user=NAME, device="bot", device_type="bot", get_token=get_token) as sluice:
        room = sluice.room("lobby")
        queue = asyncio.Queue()
        room.on("message", queue.put_nowait)
        await room.joined()
        print("here", flush=True)
        while True:
            message = await queue.get()
            words = answer(message["content"], message["user"])
            if words and message["user"] != NAME:
                # The same question is answered once, also when the bot was started anew.
                await room.send(words, id=f"answer-{message['id']}")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    asyncio.run(main(arguments[0] if arguments else "ws://127.0.0.1:8000", arguments[1] if arguments[1:] else None))
