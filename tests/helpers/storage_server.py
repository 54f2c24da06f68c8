"""An S3 server on the loopback interface (moto), behind a gate that can close.

The server checks keys and signatures. The gate forwards bytes. After a given number of bytes it
closes all connections and its port, like a server that stops.
"""

import json
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import boto3
from moto import settings
from moto.server import ThreadedMotoServer

BUCKET = "shared"
BLOCK = 65_536  # bytes
ALLOWED = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
POLICY = {"Version": "2012-10-17", "Statement": [ALLOWED]}


class Gate:
    """Forwards connections from `port` to another port of this machine while it is open."""

    def __init__(self, target: int) -> None:
        self._target = target
        self.port = 0
        self.open()

    def open(self, limit: float = float("inf")) -> None:
        """Listens on the same port as before; closes after `limit` bytes in both directions."""
        self._limit, self._passed = limit, 0
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=100)
        self._sockets = {self._listener}
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def shut(self) -> None:
        """Closes all connections and refuses new ones."""
        for each in tuple(self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def reopen(self, limit: float = float("inf")) -> None:
        self.shut()
        self.open(limit)

    def _accept(self) -> None:
        with suppress(OSError):  # shut
            while True:
                client = self._listener.accept()[0]
                server = socket.create_connection(("127.0.0.1", self._target))
                self._sockets |= {client, server}
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=self._forward, args=pair, daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):  # shut
            while block := source.recv(BLOCK):
                self._passed += len(block)
                if self._passed > self._limit:
                    self.shut()
                    return
                target.sendall(block)
            target.shutdown(socket.SHUT_WR)


@dataclass(frozen=True)
class Storage:
    """A running server with one bucket, and the environment variables of its only user."""

    gate: Gate
    environment: dict[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.gate.port}"


@contextmanager
def storage_service() -> Iterator[Storage]:
    """Runs the server, which keeps its data in memory."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    gate = Gate(port)
    unchecked = settings.INITIAL_NO_AUTH_ACTION_COUNT
    try:
        environment = _create_bucket(f"http://127.0.0.1:{port}")
        settings.INITIAL_NO_AUTH_ACTION_COUNT = 0  # check every request from now on
        yield Storage(gate, environment)
    finally:
        settings.INITIAL_NO_AUTH_ACTION_COUNT = unchecked
        gate.shut()
        server.stop()


def _create_bucket(url: str) -> dict[str, str]:
    """Creates the bucket and its user; returns the user's environment variables."""
    anonymous = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    iam, s3 = (
        boto3.client(kind, endpoint_url=url, region_name="us-east-1", **anonymous)
        for kind in ("iam", "s3")
    )
    iam.create_user(UserName="user")
    iam.put_user_policy(UserName="user", PolicyName="all", PolicyDocument=json.dumps(POLICY))
    key = iam.create_access_key(UserName="user")["AccessKey"]
    s3.create_bucket(Bucket=BUCKET)
    return {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        "AWS_CONFIG_FILE": "none",  # of this machine's user
        "AWS_SHARED_CREDENTIALS_FILE": "none",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
