"""A certificate authority of a test's own, made with the command `openssl`: good certificates and bad ones."""

import pathlib
import ssl
import subprocess
from dataclasses import dataclass

from node import seconds

CONFIGURATION = """
[ca]
default_ca = own
[own]
database = {folder}/index
serial = {folder}/serial
new_certs_dir = {folder}
certificate = {folder}/ca.pem
private_key = {folder}/ca.key
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
"""


@dataclass
class Certificate:
    """Files in PEM form."""

    cert: pathlib.Path
    key: pathlib.Path

    @property
    def settings(self):
        """As variables of a node."""
        return {"TLS_CERT_FILE": self.cert, "TLS_KEY_FILE": self.key}

    def server(self):
        """A context for a server of Python's."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        return context


class Authority:
    """`folder` gets its files; `ca` is what clients trust."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)
        self.ca = self.folder / "ca.pem"
        (self.folder / "index").touch()
        (self.folder / "serial").write_text("1000\n")
        (self.folder / "ca.conf").write_text(CONFIGURATION.format(folder=self.folder))
        self._openssl(
            *["req", "-x509", *self._new_key("ca"), "-days", "2", "-subj", "/CN=Authority of a test", "-out", self.ca]
        )

    def issue(self, name="node", hosts=("IP:127.0.0.1", "DNS:localhost"), expired=False, rsa=False):
        """A certificate for these hosts, in files called `name`."""
        request, cert, key = (self.folder / f"{name}.{ending}" for ending in ("csr", "pem", "key"))
        self._openssl(
            *["req", "-new", *self._new_key(name, rsa), "-subj", f"/CN={name}", "-out", request],
            *["-addext", f"subjectAltName={','.join(hosts)}"],
        )
        span = ["-startdate", "20200101000000Z", "-enddate", "20200102000000Z"] if expired else ["-days", "2"]
        self._openssl(
            *["ca", "-batch", "-notext", "-config", self.folder / "ca.conf", *span, "-in", request, "-out", cert]
        )
        return Certificate(cert, key)

    def trust(self):
        """A context for a client that trusts this authority alone."""
        return ssl.create_default_context(cafile=str(self.ca))

    def _new_key(self, name, rsa=False):
        kind = ["rsa:2048"] if rsa else ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        return ["-newkey", *kind, "-nodes", "-keyout", self.folder / f"{name}.key"]

    def _openssl(self, *words):
        done = subprocess.run(
            ["openssl", *map(str, words)], capture_output=True, text=True, timeout=seconds(30), stdin=subprocess.DEVNULL
        )
        assert done.returncode == 0, done.stderr
