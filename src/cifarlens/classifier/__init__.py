"""The code that the Space ships unchanged: networks, bundle, preprocessing, prediction, saliency.

Needs only torch, numpy, Pillow and safetensors. Does not depend on training, Lightning,
albumentations, grad-cam or DVC.
"""
