"""CIFAR-10 from download to a trained, explained and deployable classifier."""
