"""A SOCKS5 proxy on loopback that connects every request to one port of this machine."""

import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def socks_proxy(port: int) -> Iterator[tuple[str, list[bytes]]]:
    """Yields the proxy's address, and a list of the hosts that clients ask for."""
    hosts: list[bytes] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            client = self.request
            client.recv(262)  # methods of authentication
            client.sendall(b"\5\0")  # none is needed
            hosts.append(client.recv(262)[4:-2])  # an address, or a length and a name
            client.sendall(b"\5\0\0\1" + bytes(6))  # connected
            with socket.create_connection(("127.0.0.1", port)) as server:
                while True:
                    for end in select.select([client, server], [], [])[0]:
                        if not (data := end.recv(1 << 16)):
                            return
                        (server if end is client else client).sendall(data)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as proxy:
        threading.Thread(target=proxy.serve_forever, args=(0.01,)).start()
        yield f"127.0.0.1:{proxy.server_address[1]}", hosts
        proxy.shutdown()
