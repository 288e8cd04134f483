"""Where a run's tensors live: the option ``device``, and whether this machine has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genlab.core.errors import SpecError

if TYPE_CHECKING:
    import torch

#: What the option may be.
DEVICES = ("cpu", "cuda", "mps", "auto")
#: Those of an algorithm that computes on the CPU alone.
CPU_ONLY = ("cpu", "auto")


class DeviceError(SpecError):
    """The run names a device that this machine does not have; nothing was started.

    Args:
        name: the device, as the option calls it.
        reason: why it is not available.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__("device", name, f"{reason}; available here: {', '.join(available())}")


def as_device(name: str) -> torch.device:
    """Return the PyTorch device of an option; ``auto`` is the CPU.

    Example:
        >>> as_device("auto"), as_device("cuda")
        (device(type='cpu'), device(type='cuda'))
    """
    import torch

    return torch.device("cpu" if name == "auto" else name)


def missing(name: str) -> str | None:
    """Return why a device cannot be used on this machine; None if it can.

    Example:
        >>> missing("cpu") is None
        True
    """
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        return "PyTorch finds no CUDA device on this machine"
    if name == "mps" and not torch.backends.mps.is_available():
        return "PyTorch finds no Apple GPU (mps) on this machine"
    return None


def available() -> tuple[str, ...]:
    """Return the devices that a run may name on this machine."""
    return tuple(name for name in DEVICES if missing(name) is None)


def require(name: str) -> None:
    """Check that a device is available, before anything starts.

    Raises:
        DeviceError: if it is not; it says why and what is available.
    """
    reason = missing(name)
    if reason is not None:
        raise DeviceError(name, reason)
