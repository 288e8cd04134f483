"""Precision and coverage: balls around real examples, reaching to their k-th neighbour.

    precision = (1/M) Σ_j 1[∃i: |g_j − x_i| ≤ r_i],
    coverage = (1/N) Σ_i 1[∃j: |g_j − x_i| ≤ r_i],

r_i the distance from x_i to its k-th nearest other real example. Both need no density and mean the
same for every model; distances here are Euclidean in the space of the data, not of a net's
features. Blurred samples near the middle of the data lie in many balls: precision rewards them,
coverage does not.

Sources: Kynkäänniemi et al. 2019, "Improved precision and recall metric for assessing generative
models"; Naeem et al. 2020, "Reliable fidelity and diversity metrics for generative models".
"""

from __future__ import annotations

import torch
from torch import Tensor

NEIGHBOURS = 5
#: By differences, not by the quicker inner products, whose rounding would decide at the border.
EXACT = "donot_use_mm_for_euclid_dist"


def radii(x: Tensor, k: int = NEIGHBOURS) -> Tensor:
    """The distance of each row from its k-th nearest other row, (n, ...) -> (n,).

    Example:
        >>> radii(torch.tensor([[0.0], [1.0], [3.0]]), 1).tolist()
        [1.0, 1.0, 2.0]
    """
    flat = x.flatten(1).double()
    return torch.cdist(flat, flat, compute_mode=EXACT).kthvalue(k + 1, dim=1).values


def within(x: Tensor, fake: Tensor, k: int = NEIGHBOURS) -> Tensor:
    """Whether g_j lies in the ball of x_i, (n, m) of bool.

    ``any(dim=1)`` is what :func:`expected_coverage` is the mean of, ``any(dim=0)`` what precision
    counts.

    Args:
        x: real, (n, ...), more than k rows.
        fake: generated, (m, ...).

    Example:
        >>> x = torch.tensor([[0.0], [1.0], [3.0]])
        >>> within(x, torch.tensor([[1.5], [9.0]]), 1).tolist()
        [[False, False], [True, False], [True, False]]
    """
    distance = torch.cdist(x.flatten(1).double(), fake.flatten(1).double(), compute_mode=EXACT)
    return distance <= radii(x, k)[:, None]


def expected_coverage(n: int, m: int, k: int = NEIGHBOURS) -> float:
    """The mean coverage of a perfect sampler: 1 − Π_{i=1}^{k} (n − i)/(n + m − i).

    Of the n − 1 other real examples and m generated ones, in the order of their distance from
    x_i, the first k are all real with that probability.

    Example:
        >>> round(expected_coverage(1000, 1000, 5), 3)
        0.969
    """
    miss = 1.0
    for i in range(1, k + 1):
        miss *= (n - i) / (n + m - i)
    return 1.0 - miss
