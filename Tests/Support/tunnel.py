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
