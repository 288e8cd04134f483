"""Networks: multilayer perceptrons and convolutional nets by the DCGAN rules."""

from __future__ import annotations

from genlab.nets.conv import (
    SIZES,
    dcgan_discriminator,
    dcgan_generator,
    downsampler,
    upsampler,
)
from genlab.nets.mlp import mlp

__all__ = [
    "SIZES",
    "dcgan_discriminator",
    "dcgan_generator",
    "downsampler",
    "mlp",
    "upsampler",
]
