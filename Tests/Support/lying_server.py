"""A server that speaks just enough of the contract for a load test, and breaks its promises on purpose.

It numbers a room's messages, acks them and hands them to all other members, but treats some deliveries differently, as
`lie(seq)` says: "drop" (never delivered), "twice" (delivered twice), "swap" (delivered behind the next one), "alter"
(another counter of the sender in the content).
"""

import json
import re
import threading

import websockets.exceptions
import websockets.sync.server

PATH = re.compile(r"/ws/([^/]+)/([^/?]+)")


class LyingServer:
    def __init__(self, lie, process_request=None):
        self.lie = lie
        self.lock = threading.Lock()
        self.rooms = {}
        # How many deliveries each lie spoiled.
        self.spoiled = {"drop": 0, "twice": 0, "swap": 0, "alter": 0}
        self.server = websockets.sync.server.serve(
            self.serve, "127.0.0.1", 0, compression=None, process_request=process_request
        )
        self.port = self.server.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.server.serve_forever)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join(10)

    def serve(self, socket):
        room, user = PATH.match(socket.request.path).groups()
        with self.lock:
            state = self.rooms.setdefault(room, {"seq": 0, "members": {}})
            state["members"][user] = (socket, [])
            # Blanks and another order than the real server's: a client has to read JSON, not a layout.
            self.send(socket, {"type": "welcome", "user": user})
            self.send(socket, {"room": room, "seq": state["seq"], "epoch": "e1", "type": "joined_room", "missed": 0})
        try:
            for text in socket:
                with self.lock:
                    self.commit(room, user, state, json.loads(text))
        except websockets.exceptions.ConnectionClosed:
            pass
        finally:
            with self.lock:
                state["members"].pop(user, None)

    def commit(self, room, user, state, frame):
        state["seq"] += 1
        place = {"room": room, "epoch": "e1", "seq": state["seq"], "id": frame["id"]}
        message = {"type": "message", **place, "user": user, "content": frame["content"], "ts": 1}
        lie = self.lie(state["seq"])
        for name, (socket, held) in state["members"].items():
            if name == user:
                self.send(socket, {"type": "ack", **place, "ts": 1, "durable": "memory"})
            else:
                self.deliver(socket, held, message, lie)

    def deliver(self, socket, held, message, lie):
        if lie:
            self.spoiled[lie] += 1
        if lie == "swap":
            return held.append(message)
        if lie != "drop":
            self.send(socket, altered(message) if lie == "alter" else message)
        if lie == "twice":
            self.send(socket, message)
        for late in held:
            self.send(socket, late)
        held.clear()
        return None

    @staticmethod
    def send(socket, frame):
        try:
            socket.send(json.dumps(frame))
        except websockets.exceptions.ConnectionClosed:
            pass


def altered(message):
    """The last character of the counter is another: behind the marker of 4 bytes, a sender of 8, a counter of 8."""
    content = message["content"]
    character = "b" if content[19] != "b" else "c"
    return {**message, "content": content[:19] + character + content[20:]}
