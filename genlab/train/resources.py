"""Predicts the memory and the disk space of a run before it starts.

A run with P learned parameters keeps 16 bytes for each: the value, the gradient and the two
    moments of Adam. A snapshot copies 12 of these bytes, writing it takes another 12, and
    allocators round up. Autograd saves tensors for the backward pass; convolutions and gradients
    need further memory. The prediction is

    BASE + PER_NUMBER · P + PER_SAVED · (saved bytes of a batch),

with constants that bound the measured memory of processes (``tests/train/test_estimate.py``).
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from genlab.core import random
from genlab.core.errors import GenlabError, SpecError
from genlab.core.machine import in_bytes, worker_memory
from genlab.core.run_spec import RunSpec
from genlab.core.tables import DATASETS, MODELS, OBJECTIVES
from genlab.models.base import HasLabels

#: Bytes that a process takes for the first step of any model.
BASE = 192 << 20
#: Bytes of memory for each learned number, and for each byte that autograd saves.
PER_NUMBER, PER_SAVED = 56, 3
#: Bytes of each learned number in a snapshot: itself and two moments.
KEPT = 12
#: Tensors with more entries are counted without being allocated.
LARGE = 1 << 20
#: Examples of the step by which saved tensors are measured.
PROBE = 4
FACTORIES = (torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn)
#: Options that make a run smaller, in the order in which they are proposed.
SMALLER = ("batch", "hidden", "layers", "width", "latent")


@dataclass(frozen=True)
class Resources:
    """The predicted needs of a run.

    Args:
        parameters: numbers that are learned.
        saved: bytes that autograd saves for the backward pass of a whole batch.
        snapshots: the number of snapshots that are kept.
    """

    parameters: int
    saved: int
    snapshots: int

    @property
    def memory(self) -> int:
        """Bytes of memory that the run needs to start."""
        return BASE + PER_NUMBER * self.parameters + PER_SAVED * self.saved

    @property
    def disk(self) -> int:
        """Bytes of the snapshots, if all of them are complete."""
        return self.snapshots * KEPT * self.parameters

    def words(self) -> str:
        """The memory in words, with its parts.

        Example:
            >>> Resources(10**8, 10**8, 24).words().partition(":")[0]
            'about 5.68 GiB of memory'
        """
        learned = PER_NUMBER * self.parameters
        return (
            f"about {in_bytes(self.memory)} of memory: {in_bytes(learned)} for "
            f"{self.parameters:,} parameters with their gradients, moments and copies, "
            f"{in_bytes(PER_SAVED * self.saved)} for the activations of a batch"
        )


class _LargeOnMeta(TorchFunctionMode):
    """Creates large tensors without memory."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func in FACTORIES:
            size = kwargs.get("size", args[0] if args else ())
            sizes = size if isinstance(size, (tuple, list, torch.Size)) else args
            whole = [n for n in sizes if isinstance(n, int)]
            if math.prod(whole) > LARGE and len(whole) == len(sizes):
                kwargs.pop("generator", None)
                kwargs["device"] = "meta"
        return func(*args, **kwargs)


def _model(spec: RunSpec) -> nn.Module:
    meta = DATASETS[spec.data].meta(spec.data_options)
    with random.scope(0, "estimate"), _LargeOnMeta():
        model: nn.Module = MODELS[spec.model](spec.model_options, meta)
    return model


def _is_whole(model: nn.Module) -> bool:
    return all(p.device.type != "meta" for p in (*model.parameters(), *model.buffers()))


def _saved_by_step(spec: RunSpec, model: Any, examples: int) -> int:
    """Bytes that autograd saves in a step of some examples, beside the parameters."""
    meta = DATASETS[spec.data].meta(spec.data_options)
    known = {p.untyped_storage().data_ptr() for p in (*model.parameters(), *model.buffers())}
    most = 0
    with random.scope(0, "estimate"), torch.enable_grad():
        # Zeros and ones suit real, binary and counting models alike.
        x = torch.randint(0, 2, (examples, *meta.shape)).float()
        if isinstance(model, HasLabels):
            model = model.condition_on(torch.zeros(examples, dtype=torch.long))
        objective: Any = OBJECTIVES[spec.objective](spec.objective_options)
        losses = objective.at_step(0).losses(model, x)
        for player in objective.players:
            found: dict[int, int] = {}

            def keep(tensor: Tensor, found: dict[int, int] = found) -> Tensor:
                storage = tensor.untyped_storage()
                if storage.data_ptr() not in known:
                    found[storage.data_ptr()] = storage.nbytes()
                return tensor

            with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
                loss = losses(player.name)
            most = max(most, sum(found.values()))
            del loss
    return most


def _saved_by_shape(spec: RunSpec, model: nn.Module) -> int:
    """Bytes that an example leaves for the backward pass, from the shapes of the layers alone."""
    shape = DATASETS[spec.data].meta(spec.data_options).shape
    pixels = math.prod(shape[1:]) if len(shape) == 3 else 1
    entries = 0
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            entries += 2 * layer.out_features
        elif isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            entries += 2 * layer.out_channels * pixels
    return 4 * entries


@functools.lru_cache(maxsize=256)
def _per_example(spec: RunSpec) -> tuple[int, float]:
    """The number of parameters, and the saved bytes of an example."""
    model = _model(spec)
    count = sum(p.numel() for p in model.parameters())
    if _is_whole(model):
        try:
            return count, _saved_by_step(spec, model, PROBE) / PROBE
        except (GenlabError, RuntimeError, ValueError, TypeError, LookupError, AttributeError):
            # Some losses fail on random examples: the shapes of the layers give the saved bytes.
            pass
    return count, float(_saved_by_shape(spec, model))


def predict_resources(spec: RunSpec) -> Resources:
    """Predict the memory and the disk space of a run.

    Runs that do not learn by gradients are small: the estimate of their step is 0.

    Example:
        >>> small = predict_resources(RunSpec.build(model="vae", data="digits"))
        >>> small.parameters, small.memory < 1 << 30
        (19792, True)
    """
    if spec.algorithm != "gradient":
        return Resources(0, 0, spec.train.snapshots)
    # Options that do not change the size of a step are not part of the key.
    plain = dataclasses.replace(spec.train, batch=1, steps=1, seed=0, snapshots=3, threads=1)
    count, saved = _per_example(dataclasses.replace(spec, train=plain))
    return Resources(count, math.ceil(saved * spec.train.batch), spec.train.snapshots)


def check_memory(spec: RunSpec, budget: int | None = None) -> Resources:
    """Refuse a run that needs more memory than is available.

    Args:
        spec: of the run.
        budget: bytes of memory that it may take; None: the machine's present limit for a run
            (:func:`genlab.core.machine.worker_memory`); 0: any.

    Returns:
        The predicted needs.

    Raises:
        SpecError: with the numbers, and a setting that would fit as its repair.
    """
    budget = worker_memory() if budget is None else budget
    need = predict_resources(spec)
    if not budget or need.memory <= budget:
        return need
    words = (
        f"the run needs {need.words()}; a run may take {in_bytes(budget)} on this machine now "
        "(GENLAB_WORKER_MEMORY sets another limit)"
    )
    option, value = _largest(spec, budget)
    if not option:
        name = next(iter(_offered(spec)), "model")
        given = spec.flat()[name]
        raise SpecError(name, given, f"{words}; no smaller value of a single option makes it fit")
    fits = f"{words}; {option} = {value} would fit"
    raise SpecError(option, spec.flat()[option], fits, {option: value})


def _offered(spec: RunSpec) -> Iterator[str]:
    flat = spec.flat()
    return (name for name in SMALLER if isinstance(flat.get(name), int) and flat[name] > 1)


def _largest(spec: RunSpec, budget: int) -> tuple[str, int]:
    """An option and its largest value, halved until the run fits; empty if no value fits."""
    flat = spec.flat()
    for name in _offered(spec):
        value = int(flat[name]) // 2
        while value >= 1:
            try:
                if predict_resources(RunSpec.build(**{**flat, name: value})).memory <= budget:
                    return name, value
            except GenlabError:
                break
            value //= 2
    return "", 0
