"""Lists the data sources by the name that `data.source` uses."""

from .cifar10 import CIFAR10
from .cifar100 import CIFAR100
from .digits import DIGITS
from .folder import FOLDER
from .source import DataSource

SOURCES: dict[str, DataSource] = {
    "cifar10": CIFAR10,
    "cifar100": CIFAR100,
    "digits": DIGITS,
    "folder": FOLDER,
}
