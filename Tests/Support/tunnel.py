"""A plain socket whose other end is a connection by TLS, for clients that read and write in several threads: OpenSSL's
connections are not made for that, and Python 3.11 does not keep the threads apart.
"""

import contextlib
import select
import socket
import ssl
import threading


def through_tls(link, context, host="127.0.0.1"):
    """Shakes hands over the connected socket `link`; a socket that carries what is inside. It ends with either side."""
    secure = context.wrap_socket(link, server_hostname=host)
    # Of TCP, as clients set its options.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    threading.Thread(target=_carry, args=(ours, secure), daemon=True).start()
    return theirs


@contextlib.contextmanager
def tunnel(target, context, host="127.0.0.1"):
    """For clients that speak no TLS: the port of a listener whose connections lead by TLS to `target`, a port here."""

    def serve(listener):
        # Ends with the listener.
        with contextlib.suppress(OSError):
            while True:
                plain, _ = listener.accept()
                threading.Thread(target=lead, args=(plain,), daemon=True).start()

    def lead(plain):
        with plain, socket.create_connection((host, target)) as link:
            _carry(plain, context.wrap_socket(link, server_hostname=host))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            # An accept that waits goes on waiting when its socket is only closed.
            listener.shutdown(socket.SHUT_RDWR)


def _carry(plain, secure):
    with contextlib.suppress(OSError, ValueError), plain, secure:
        while True:
            ready = [secure] if secure.pending() else select.select([plain, secure], [], [])[0]
            for source, target in ((plain, secure), (secure, plain)):
                if source not in ready:
                    continue
                secure.settimeout(0 if source is secure else 30)
                try:
                    data = source.recv(65536)
                except ssl.SSLWantReadError:
                    continue
                if not data:
                    return
                secure.settimeout(30)
                target.sendall(data)
