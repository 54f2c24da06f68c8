"""Describes CIFAR-10: ten classes."""

from .cifar import Archive
from .source import DataSource

ARCHIVE = Archive(
    title="CIFAR-10",
    variable="CIFAR10_SOURCE",
    url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    folder="cifar-10-batches-py",
    md5s={
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
        "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
    },
    labels="labels",
    classes="label_names",
)

CIFAR10 = DataSource(
    title=ARCHIVE.title,
    link="https://www.cs.toronto.edu/~kriz/cifar.html",
    about="60,000 colour photographs of 32×32 pixels, 10,000 of them for testing"
    " (Krizhevsky 2009, *Learning Multiple Layers of Features from Tiny Images*).",
    licence="CIFAR-10 comes without a stated licence; its authors ask to be cited.",
    goal=0.90,
    load=lambda _: ARCHIVE.load(),
    hub_id="uoft-cs/cifar10",
    variable=ARCHIVE.variable,
)
