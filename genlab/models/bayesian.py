"""What models may be able to do whose numbers can be a posterior."""

from __future__ import annotations

import abc

from torch import Tensor


class Bayesian:
    """The parameters are unknowns with a conjugate prior, which inference makes a posterior.

    The model then stands at the posterior's means. How it is inferred is a row of an algorithm,
    see :class:`genlab.inference.runs.Learner`.
    """


class HasParts(abc.ABC):
    """The model is made of parts that live in data space, each with a share of the whole."""

    @abc.abstractmethod
    def parts(self) -> tuple[Tensor, Tensor]:
        """The parts (K, *data_shape), and their shares (K,), sum 1."""
