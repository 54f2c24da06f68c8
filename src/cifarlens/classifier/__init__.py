"""What ships in the Space, verbatim: networks, preprocessing, the bundle, prediction, saliency.

Needs torch, numpy, Pillow and safetensors only. Knows nothing of training, Lightning,
albumentations, grad-cam or DVC.
"""
