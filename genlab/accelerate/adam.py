"""Adam as one call for all parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from genlab.accelerate.switch import is_enabled


class Adam(torch.optim.Adam):
    """Adam whose update is one call for all parameters.

    In small nets the hooks of ``torch.optim``, its sorting by device and a counter for each
    parameter take several times as long as the update. The numbers are those of
    ``torch.optim.Adam(fused=True)``, which is what runs where the package is switched off.

    Source: Kingma and Ba 2015, "Adam: a method for stochastic optimization".

    Args:
        parameters: what is trained, all on one device.
        lr: learning rate.
        **settings: as of ``torch.optim.Adam`` (``betas``).
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, **settings: Any) -> None:
        parameters = list(parameters)
        self._on_cpu = all(parameter.is_cpu for parameter in parameters)
        super().__init__(parameters, lr=lr, fused=self._on_cpu, **settings)
        (self.group,) = self.param_groups
        self.parameters: list[nn.Parameter] = self.group["params"]
        #: The share of the learning rate that the next step takes.
        self.share = 1.0
        #: Means of the gradients, of their squares, and the counter, once all have moved.
        self._slots: tuple[list[Tensor], list[Tensor], list[Tensor]] | None = None

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def load_state_dict(self, state_dict: Any) -> None:
        """Take the state of another Adam of the same parameters."""
        super().load_state_dict(state_dict)
        (self.group,) = self.param_groups
        self._slots = None

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Move the parameters by their gradients."""
        gradients = [p.grad for p in self.parameters]
        fast = self._on_cpu and is_enabled()
        slots = (self._slots or self._shared_slots()) if fast else None
        if slots is None or any(g is None for g in gradients):
            self._plain_step()
            return
        means, squares, counts = slots
        counts[0] += 1
        group = self.group
        beta1, beta2 = group["betas"]
        torch._fused_adam_(
            self.parameters,  # type: ignore[arg-type]
            gradients,  # type: ignore[arg-type]
            means,
            squares,
            [],
            counts,
            lr=group["lr"] * self.share,
            beta1=beta1,
            beta2=beta2,
            weight_decay=0.0,
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
        )

    def _shared_slots(self) -> tuple[list[Tensor], list[Tensor], list[Tensor]] | None:
        """Return the slots of all parameters; None unless all have moved, and as often."""
        ready = [self.state[p] for p in self.parameters]
        if not all(ready) or any(not torch.equal(ready[0]["step"], s["step"]) for s in ready):
            return None
        # One counter serves all of them.
        for slot in ready:
            slot["step"] = ready[0]["step"]
        self._slots = (
            [slot["exp_avg"] for slot in ready],
            [slot["exp_avg_sq"] for slot in ready],
            [ready[0]["step"]] * len(ready),
        )
        return self._slots

    def _plain_step(self) -> None:
        if self._slots is not None:
            # Not all will move: each gets a counter of its own again.
            for parameter in self.parameters:
                self.state[parameter]["step"] = self.state[parameter]["step"].clone()
            self._slots = None
        rate = self.group["lr"]
        self.group["lr"] = rate * self.share
        super().step()
        self.group["lr"] = rate

    #: PyTorch then puts no hooks around the method.
    step.hooked = True  # type: ignore[attr-defined]
