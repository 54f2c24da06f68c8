"""A SOCKS5 proxy on loopback that connects to one server, for any host and port."""

import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def socks_proxy(port: int) -> Iterator[tuple[str, list[bytes]]]:
    """Yields the proxy's address, and a list that gets the hosts that clients ask for."""
    hosts: list[bytes] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(262)  # the client's methods of authentication
            self.request.sendall(b"\5\0")  # none is needed
            hosts.append(self.request.recv(262)[4:-2])  # a length and a name, or an address
            self.request.sendall(b"\5\0\0\1" + bytes(6))  # connected
            with socket.create_connection(("127.0.0.1", port)) as server:
                other = {self.request: server, server: self.request}
                while True:
                    for end in select.select(list(other), [], [])[0]:
                        if not (data := end.recv(1 << 16)):
                            return
                        other[end].sendall(data)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as proxy:
        proxy.daemon_threads = True
        threading.Thread(target=proxy.serve_forever, args=(0.01,), daemon=True).start()
        yield f"127.0.0.1:{proxy.server_address[1]}", hosts
        proxy.shutdown()
