"""Finds and checks the proxy that the user's environment names for a request.

A request to this machine never goes through a proxy.
"""

import ipaddress
import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import getproxies

from requests.utils import get_environ_proxies, select_proxy
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from ..runtime.errors import UserError, truncate_for_message

SCHEMES = ("http", "https", "socks5", "socks5h")  # those that requests and httpx both support


@dataclass(frozen=True)
class Proxy:
    """Describes a proxy.

    Attributes:
        variable: the environment variable that names it.
        address: the variable's value, which may be invalid.
    """

    variable: str
    address: str

    @property
    def url(self) -> str:
        return self.address if "://" in self.address else f"http://{self.address}"

    @property
    def public_address(self) -> str:
        """Returns the address without user name and password."""
        address = re.sub(r"^([^:/@]*://)?.*@", r"\1", self.address, flags=re.DOTALL)
        return truncate_for_message(address)

    def __str__(self) -> str:
        """Returns the proxy's name in a message."""
        return f"the proxy {self.public_address} ({self.variable})"


def find_proxy(url: str) -> Proxy | None:
    """Returns the environment's proxy for a URL, or None; raises ValueError for an invalid URL."""
    if is_loopback(url):
        return None
    address = select_proxy(url, get_environ_proxies(url))
    return Proxy(_variable(address, urlsplit(url).scheme), address) if address else None


def check_proxy(proxy: Proxy) -> None:
    """Raises UserError if the proxy's address is invalid."""
    try:
        url = parse_url(proxy.url)
        valid = url.scheme in SCHEMES and url.host
    except LocationParseError:
        valid = False
    if not valid:
        raise UserError(
            f"{proxy.variable} is '{proxy.public_address}'; it must be the address of a proxy that"
            f" speaks {', '.join(SCHEMES[:-1])} or {SCHEMES[-1]}, such as"
            " http://proxy.example:3128. Correct or unset it and run again."
        )


def prepare_httpx(url: str) -> None:
    """Prepares the environment for httpx, whose clients read all its proxies.

    Args:
        url: the server; if it is this machine, no request uses a proxy.

    Raises:
        UserError: the address of a proxy is invalid.
    """
    if is_loopback(url):
        os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"
    proxies = getproxies()
    if "*" in re.split(r"[\s,]+", proxies.get("no", "")):
        return
    for scheme in ("http", "https", "all"):
        if address := proxies.get(scheme):
            check_proxy(Proxy(_variable(address, scheme), address))


def is_loopback(url: str) -> bool:
    """Returns whether a URL's host is this machine, by its name or its address."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def _variable(address: str, scheme: str) -> str:
    """Returns the name of the variable with this value; lower case has precedence."""
    for name in (f"{scheme}_proxy", "all_proxy"):
        for variable in sorted(os.environ, reverse=True):
            if variable.lower() == name and os.environ[variable] == address:
                return variable
    return "the system's proxy setting"  # macOS and Windows have one
