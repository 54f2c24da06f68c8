"""Holds the code that every Space contains: networks, bundle, preprocessing, saliency maps.

Needs only torch, numpy, Pillow and safetensors. Does not depend on training, Lightning,
albumentations, grad-cam or DVC.
"""
