"""JSON Web Tokens, made by hand: HS256 with the standard library, the others with the `openssl` command."""

import base64
import hashlib
import hmac
import json
import pathlib
import subprocess
import time

SECRET = "a secret of thirty-two bytes, or more"


def text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(user, ttl=60, **more):
    return {"sub": user, "exp": int(time.time()) + ttl} | more


def token(user, ttl=60, secret=SECRET, **more):
    """A token that is signed with HS256."""
    return signed({"alg": "HS256"}, claims(user, ttl, **more), lambda data: hmac_of(secret, data))


def signed(header, body, sign):
    data = text(json.dumps(header).encode()) + "." + text(json.dumps(body).encode())
    return data + "." + text(sign(data.encode()))


def hmac_of(secret, data):
    return hmac.new(secret.encode(), data, hashlib.sha256).digest()


class KeyPair:
    """A pair of keys in files of a folder, for RS256 (`algorithm` "rsa") or EdDSA ("ed25519")."""

    def __init__(self, folder, algorithm):
        self.algorithm = algorithm
        self.private = pathlib.Path(folder) / f"{algorithm}.key"
        self.public = pathlib.Path(folder) / f"{algorithm}.pub"
        size = ["-pkeyopt", "rsa_keygen_bits:2048"] if algorithm == "rsa" else []
        self.openssl("genpkey", "-algorithm", algorithm, *size, "-out", self.private)
        self.openssl("pkey", "-in", self.private, "-pubout", "-out", self.public)

    def openssl(self, *arguments):
        return subprocess.run(["openssl", *arguments], check=True, capture_output=True).stdout

    def token(self, user, ttl=60, **more):
        name = "RS256" if self.algorithm == "rsa" else "EdDSA"
        return signed({"alg": name}, claims(user, ttl, **more), self.sign)

    def sign(self, data):
        source = self.private.with_suffix(".data")
        source.write_bytes(data)
        how = ["-digest", "sha256"] if self.algorithm == "rsa" else []
        return self.openssl("pkeyutl", "-sign", "-rawin", *how, "-inkey", self.private, "-in", source)
