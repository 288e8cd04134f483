"""The numbers of the lesson on SVI for topics: latent Dirichlet allocation of 8×8 digits."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from genlab.core.random import generator
from genlab.core.tables import DATASETS
from genlab.inference.lda import LDA
from genlab.inference.svi import SVI, RobbinsMonro, Search
from genlab.lessons.panels import Array
from genlab.lessons.svi_numbers import ConjugateSVI
from genlab.models.topics import words

#: The concentrations α of topics in a picture and η of pixels in a topic.
MIXING, INK = 1.0, 0.1
#: Words per white pixel, number of held-out pictures, and the largest number of sweeps.
LEVELS, HELD, MOST_SWEEPS = 16, 100, 12


class TopicNumbers(ConjugateSVI):
    """The bags of pixels, and λ from batches, from full batches and from scikit-learn."""

    @functools.cached_property
    def lda(self) -> LDA:
        """The model with its priors."""
        return LDA(self.extra["topics"], 64, MIXING, INK, tolerance=1e-2, sweeps=20)

    @functools.cached_property
    def bags(self) -> tuple[Tensor, Tensor]:
        """Counts of the training pictures (N, 64) and of the held-out ones (HELD, 64)."""
        digits = DATASETS["digits"].load(DATASETS["digits"].Options())
        train = digits.train.x[: self.options.examples]
        return words(train, LEVELS), words(digits.validation.x[:HELD], LEVELS)

    @property
    def size(self) -> int:
        """Examples B in a batch."""
        return min(self.options.batch, len(self.bags[0]))

    def batches(self, steps: int) -> Iterator[Tensor]:
        """The batches of the first steps."""
        x, source = self.bags[0], generator(self.options.seed, "svi batches")
        for _ in range(steps):
            yield x[torch.randperm(len(x), generator=source)[: self.size]]

    @functools.cached_property
    def noisy(self) -> tuple[Tensor, Array, Array, Array]:
        """λ after the last step; pictures seen and held-out bound at some steps; ELBO of each."""
        x, held_out = self.bags
        svi = SVI(self.lda, len(x), self.rate)
        state, elbo, seen, bound = svi.init(self.options.seed), [], [], []
        for step, batch in enumerate(self.batches(self.options.steps)):
            if step & (step - 1) == 0:
                seen.append(step * self.size)
                bound.append(self.lda.per_word(state.natural, held_out))
            state, info = svi.step(state, batch)
            elbo.append(info.means()["elbo"])
        seen.append(self.options.steps * self.size)
        bound.append(self.lda.per_word(state.natural, held_out))
        return state.natural, np.array(seen, float), np.array(bound), np.array(elbo)

    @functools.cached_property
    def sweeps(self) -> tuple[Array, Array, Array]:
        """Of full batches from the same start: pictures seen, held-out bound, ELBO of all data."""
        x, held_out = self.bags
        svi = SVI(self.lda, len(x), None)
        wanted = math.ceil(self.options.steps * self.size / len(x))
        state, bound, elbo = svi.init(self.options.seed), [], []
        for _ in range(1 + min(MOST_SWEEPS, max(2, wanted))):
            bound.append(self.lda.per_word(state.natural, held_out))
            state, info = svi.step(state, x)
            elbo.append(info.means()["elbo"])
        return len(x) * np.arange(len(bound), dtype=float), np.array(bound), np.array(elbo)

    @functools.cached_property
    def by_scikit_learn(self) -> tuple[Tensor, Tensor, float, float]:
        """λ after three updates by this SVI and by scikit-learn, and both held-out bounds.

        Both start from scikit-learn's first update, and both local searches run to convergence.
        """
        from sklearn.decomposition import LatentDirichletAllocation

        held_out, n = self.bags[1][:20], len(self.bags[0])
        strict = LDA(self.extra["topics"], 64, MIXING, INK, tolerance=1e-9, sweeps=3000)
        theirs = LatentDirichletAllocation(
            self.extra["topics"],
            doc_topic_prior=MIXING,
            topic_word_prior=INK,
            learning_decay=self.options.kappa,
            learning_offset=max(1.0, self.options.tau),
            batch_size=self.size,
            total_samples=n,
            mean_change_tol=1e-9,
            max_doc_update_iter=3000,
            random_state=self.options.seed,
        )
        svi = SVI(strict, n, RobbinsMonro(self.options.kappa, max(1.0, self.options.tau)))
        first, *rest = self.batches(4)
        theirs.partial_fit(first.numpy())
        state = Search(torch.tensor(theirs.components_), torch.ones((), dtype=torch.int64))
        for batch in rest:
            theirs.partial_fit(batch.numpy())
            state, _ = svi.step(state, batch)
        mine = float(strict.elbo(state.natural, held_out))
        return (
            state.natural,
            torch.tensor(theirs.components_),
            mine,
            float(theirs.score(held_out.numpy())),
        )

    def over_a_partition(self) -> tuple[Tensor, int]:
        natural, x = self.noisy[0], self.bags[0][:100]
        parts = x.split(self.size)
        total = torch.zeros_like(natural)
        for part in parts:
            total += len(part) / len(x) * self.lda.target(natural, part, len(x) / len(part))
        return total, len(parts)
