#!/usr/bin/env python3
"""A small back end of the standard library alone: python3 examples/backend.py [PORT].

POST /token with a name gives a token for it, GET /chat.html and /dashboard.html the pages, and POST /push takes the
node's pushes for users who are away, which GET /pushes shows. JWT_SECRET and PUSH_WEBHOOK_SECRET are the node's.
"""

import base64
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
FILES = {
    "/chat.html": (HERE / "chat.html", "text/html; charset=utf-8"),
    "/dashboard.html": (HERE / "dashboard.html", "text/html; charset=utf-8"),
    # The same client that a node has as /client.js: a page may load it from its own origin.
    "/client.js": (HERE.parent / "clients/js/sluice.js", "text/javascript; charset=utf-8"),
}
TOKEN_SECONDS = 600
BODY_BYTES_MAX = 1 << 20
pushes = []


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(user):
    """Everybody may talk in the lobby and in teams, and look at the dashboard."""
    claims = {"sub": user, "exp": int(time.time()) + TOKEN_SECONDS, "rooms": ["lobby", "team-*"]}
    claims["rooms_read"] = ["dashboard"]
    signed = encoded(b'{"alg":"HS256"}') + "." + encoded(json.dumps(claims).encode())
    return signed + "." + encoded(code(os.environ["JWT_SECRET"], signed.encode()).digest())


def code(secret, data):
    return hmac.new(secret.encode(), data, hashlib.sha256)


def is_genuine(headers, body):
    """Whether the node sent this push, and not long ago."""
    stamp = headers.get("X-Sluice-Timestamp", "")
    wanted = "v1=" + code(os.environ["PUSH_WEBHOOK_SECRET"], stamp.encode() + b"." + body).hexdigest()
    if not hmac.compare_digest(wanted.encode(), headers.get("X-Sluice-Signature", "").encode()):
        return False
    return abs(time.time() * 1000 - int(stamp)) < 5 * 60_000


class BackEnd(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body=b"", kind="text/plain; charset=utf-8"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/pushes":
            return self.answer(200, json.dumps(pushes).encode(), "application/json")
        if path not in FILES:
            return self.answer(404)
        file, kind = FILES[path]
        self.answer(200, file.read_bytes(), kind)

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        if length > BODY_BYTES_MAX:
            return self.answer(413)
        body = self.rfile.read(length)
        if self.path == "/token":
            # Here a real back end asks who this is: a session, a password.
            return self.answer(200, token(body.decode()).encode()) if body else self.answer(400)
        if self.path == "/push":
            if not is_genuine(self.headers, body):
                return self.answer(401)
            push = json.loads(body)
            # Here it would reach the user's phone.
            pushes.append({"user": push["user"], "pending": push["pending"], "message": push["message"]["content"]})
            return self.answer(204)
        self.answer(404)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 9000
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), BackEnd)
    print(f"http://127.0.0.1:{server.server_port}/chat.html", flush=True)
    server.serve_forever()
