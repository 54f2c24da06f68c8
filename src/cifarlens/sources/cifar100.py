"""Describes CIFAR-100: 100 fine classes. The loader leaves out its 20 coarse classes."""

from .cifar import Archive
from .source import DataSource

ARCHIVE = Archive(
    title="CIFAR-100",
    variable="CIFAR100_SOURCE",
    url="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
    folder="cifar-100-python",
    md5s={
        "train": "16019d7e3df5f24257cddd939b257f8d",
        "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
        "meta": "7973b15100ade9c7d40fb424638fde48",
    },
    labels="fine_labels",
    classes="fine_label_names",
)

CIFAR100 = DataSource(
    title=ARCHIVE.title,
    link="https://www.cs.toronto.edu/~kriz/cifar.html",
    about="60,000 colour photographs of 32×32 pixels in 100 classes, 10,000 of them for testing"
    " (Krizhevsky 2009, *Learning Multiple Layers of Features from Tiny Images*).",
    licence="CIFAR-100 comes without a stated licence; its authors ask to be cited.",
    goal=None,
    load=lambda _: ARCHIVE.load(),
    hub_id="uoft-cs/cifar100",
    variable=ARCHIVE.variable,
)
