"""Trains, explains and deploys an image classifier for CIFAR-10, as a DVC pipeline."""
