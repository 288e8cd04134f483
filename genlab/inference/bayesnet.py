"""Discrete Bayesian networks: message passing on trees, and enumeration as its check."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from genlab.core.errors import SpecError
from genlab.core.measure import Series
from genlab.inference.base import Inference, finite, probabilities
from genlab.train.algorithm import Info

#: The largest number of joint states that are enumerated: 20 binary variables.
MOST_STATES = 2**20


@dataclass(frozen=True)
class Node:
    """One variable of a network: p(self | parents) as a table.

    Args:
        name: the variable.
        table: probabilities, shape (states of parent 1, ..., states of parent n, own states).
        parents: their names, in the order of the table's axes.

    Raises:
        SpecError: if the table has the wrong number of axes or does not sum to 1.
    """

    name: str
    table: Tensor
    parents: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", probabilities(self.name, self.table))
        if self.table.dim() != len(self.parents) + 1:
            raise SpecError(
                self.name,
                f"a table of shape {tuple(self.table.shape)}",
                f"allowed: one axis for each of {len(self.parents)} parents and one for itself",
            )


@dataclass(frozen=True)
class Answer:
    """The posterior given the evidence.

    Args:
        log_evidence: log p(evidence) in nats.
        marginals: p(variable | evidence) of every variable, (states,) each.
    """

    log_evidence: float
    marginals: dict[str, Tensor] = field(default_factory=dict)


class BayesNet:
    """p(x_1, ..., x_n) = prod_i p(x_i | parents of x_i), each variable discrete.

    Args:
        nodes: the variables, in any order.

    Raises:
        SpecError: for a duplicate name, an unknown parent, a cycle, or a table whose axes do not
            match the parents' states.

    Example:
        >>> rain = Node("rain", [0.8, 0.2])
        >>> wet = Node("wet", [[0.9, 0.1], [0.2, 0.8]], ("rain",))
        >>> answer = BayesNet([rain, wet]).infer({"wet": 1})
        >>> round(answer.marginals["rain"][1].item(), 4), round(math.exp(answer.log_evidence), 4)
        (0.6667, 0.24)
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = {node.name: node for node in nodes}
        if len(self.nodes) < len(nodes):
            names = [node.name for node in nodes]
            twice = next(name for name in names if names.count(name) > 1)
            raise SpecError("name", twice, "allowed: each variable once")
        self.states = {name: node.table.shape[-1] for name, node in self.nodes.items()}
        for node in nodes:
            for parent, states in zip(node.parents, node.table.shape, strict=False):
                if parent not in self.nodes:
                    raise SpecError.unknown(f"parent of {node.name}", parent, self.nodes)
                if self.states[parent] != states:
                    raise SpecError(
                        node.name,
                        f"a table of shape {tuple(node.table.shape)}",
                        f"{parent} has {self.states[parent]} states, not {states}",
                    )
        self.order = self._topological()
        self.scopes = {name: (*node.parents, name) for name, node in self.nodes.items()}

    @classmethod
    def chain(cls, start: Tensor, transition: Tensor, length: int) -> BayesNet:
        """x_1 -> x_2 -> ...: p(x_1) = start, p(x_{t+1} | x_t) = transition."""
        nodes = [Node("x1", start)]
        nodes += [Node(f"x{t}", transition, (f"x{t - 1}",)) for t in range(2, length + 1)]
        return cls(nodes)

    @classmethod
    def hidden_markov(
        cls, start: Tensor, transition: Tensor, emission: Tensor, length: int
    ) -> BayesNet:
        """z_1 -> z_2 -> ... with an observation x_t of each z_t: p(x_t | z_t) = emission."""
        nodes = [Node("z1", start)]
        nodes += [Node(f"z{t}", transition, (f"z{t - 1}",)) for t in range(2, length + 1)]
        return cls([*nodes, *(Node(f"x{t}", emission, (f"z{t}",)) for t in range(1, length + 1))])

    def _topological(self) -> tuple[str, ...]:
        waiting = {name: set(node.parents) for name, node in self.nodes.items()}
        order: list[str] = []
        while waiting:
            ready = [name for name, left in waiting.items() if not left]
            if not ready:
                raise SpecError("parents", sorted(waiting), "these variables form a cycle")
            for name in ready:
                del waiting[name]
            for left in waiting.values():
                left.difference_update(ready)
            order += ready
        return tuple(order)

    def check(self, evidence: Mapping[str, int]) -> None:
        """Raise :class:`SpecError` for an unknown variable or a state that it does not have."""
        for name, value in evidence.items():
            if name not in self.nodes:
                raise SpecError.unknown("variable", name, self.nodes)
            if isinstance(value, bool) or not (
                int(value) == value and 0 <= value < self.states[name]
            ):
                raise SpecError(name, value, f"allowed: a state from 0 to {self.states[name] - 1}")

    def _factors(self, evidence: Mapping[str, int]) -> dict[str, Tensor]:
        """log p(x_i | parents), -inf wherever it contradicts the evidence."""
        self.check(evidence)
        factors = {}
        for name, node in self.nodes.items():
            factor = node.table.log()
            if name in evidence:
                allowed = torch.arange(self.states[name]) == int(evidence[name])
                factor = factor.masked_fill(~allowed, -math.inf)
            factors[name] = factor
        return factors

    def infer(self, evidence: Mapping[str, int] | None = None) -> Answer:
        """log p(evidence) and all posterior marginals, exact, by the sum-product algorithm.

        m_{f->x}(x) = Σ_{others} f Π m_{y->f}(y), towards a root and back: two messages for each
        edge, in log-space.

        Source: Pearl 1988, "Probabilistic reasoning in intelligent systems"; Kschischang, Frey and
        Loeliger 2001, "Factor graphs and the sum-product algorithm".

        Raises:
            SpecError: if the net has a loop (ignoring directions), or the evidence is impossible.
        """
        factors = self._factors(evidence or {})
        visits = self._visits()
        # Keys: (True, f, x) is the message from factor f to variable x, (False, f, x) from x to f.
        messages: dict[tuple[bool, str, str], Tensor] = {}
        belongs: dict[str, list[str]] = {name: [] for name in self.nodes}
        for factor, scope in self.scopes.items():
            for name in scope:
                belongs[name].append(factor)

        def send(from_factor: bool, factor: str, name: str) -> None:
            if from_factor:
                scope, value = self.scopes[factor], factors[factor]
                for axis, other in enumerate(scope):
                    if other != name:
                        shape = [1] * len(scope)
                        shape[axis] = -1
                        value = value + messages[False, factor, other].view(shape)
                axes = [axis for axis, other in enumerate(scope) if other != name]
                messages[True, factor, name] = value.logsumexp(axes) if axes else value
            else:
                total = torch.zeros(self.states[name], dtype=torch.float64)
                for other in belongs[name]:
                    if other != factor:
                        total = total + messages[True, other, name]
                messages[False, factor, name] = total

        for to_factor, factor, name in reversed(visits):
            send(to_factor, factor, name)  # inwards: against the direction of the visit
        for to_factor, factor, name in visits:
            send(not to_factor, factor, name)
        roots = set(self.nodes) - {name for to_factor, _, name in visits if not to_factor}
        log_evidence, marginals = 0.0, {}
        for name in self.nodes:
            belief = torch.zeros(self.states[name], dtype=torch.float64)
            for factor in belongs[name]:
                belief = belief + messages[True, factor, name]
            if name in roots:
                log_evidence += float(belief.logsumexp(0))
            marginals[name] = belief.softmax(0)
        self._possible(log_evidence)
        return Answer(log_evidence, marginals)

    @staticmethod
    def _possible(log_evidence: float) -> None:
        if not math.isfinite(log_evidence):
            raise SpecError(
                "evidence", "these observations", "the net gives them probability 0 together"
            )

    def _visits(self) -> list[tuple[bool, str, str]]:
        """The edges of the factor graph, roots first: (towards the factor?, factor, name)."""
        belongs: dict[str, list[str]] = {name: [] for name in self.nodes}
        for factor, scope in self.scopes.items():
            for name in scope:
                belongs[name].append(factor)
        visits: list[tuple[bool, str, str]] = []
        seen_names: set[str] = set()
        seen_factors: set[str] = set()
        for root in self.order:
            if root in seen_names:
                continue
            seen_names.add(root)
            frontier: list[tuple[str, str | None]] = [(root, None)]
            while frontier:
                name, came_from = frontier.pop()
                for factor in belongs[name]:
                    if factor == came_from:
                        continue
                    if factor in seen_factors:
                        self._loop(name)
                    seen_factors.add(factor)
                    visits.append((True, factor, name))
                    for other in self.scopes[factor]:
                        if other == name:
                            continue
                        if other in seen_names:
                            self._loop(other)
                        seen_names.add(other)
                        visits.append((False, factor, other))
                        frontier.append((other, factor))
        return visits

    def _loop(self, name: str) -> None:
        raise SpecError(
            "net",
            f"a loop through {name}",
            "message passing is exact on trees and chains; use enumerate for up to 20 binary "
            "variables",
        )

    def log_joint(self, x: Tensor) -> Tensor:
        """log p(x) of full assignments, (B, n) of states in the order of ``nodes`` -> (B,)."""
        column = {name: x[:, i].long() for i, name in enumerate(self.nodes)}
        total = torch.zeros(len(x), dtype=torch.float64)
        for name, node in self.nodes.items():
            total = total + node.table.log()[tuple(column[n] for n in self.scopes[name])]
        return total

    def enumerate(self, evidence: Mapping[str, int] | None = None) -> Answer:
        """The same as :meth:`infer`, by summing over every joint state: a slow reference.

        Raises:
            SpecError: for more than 2^20 joint states (20 binary variables), or if the evidence is
                impossible.
        """
        evidence = evidence or {}
        self.check(evidence)
        count = math.prod(self.states.values())
        if count > MOST_STATES:
            raise SpecError(
                "variables",
                f"{len(self.nodes)} variables with {count} joint states",
                f"allowed: at most 20 binary variables ({MOST_STATES} joint states) to enumerate; "
                "on trees and chains use infer",
            )
        axis_of = {name: i for i, name in enumerate(self.nodes)}
        sizes = list(self.states.values())
        log_p = torch.zeros(sizes, dtype=torch.float64)
        for name, scope in self.scopes.items():
            by_place = [scope.index(other) for other in self.nodes if other in scope]
            shape = [k if other in scope else 1 for other, k in self.states.items()]
            log_p += self.nodes[name].table.log().permute(by_place).reshape(shape)
        for name, value in evidence.items():
            other = torch.arange(self.states[name]) != int(value)
            log_p.index_fill_(axis_of[name], other.nonzero().flatten(), -math.inf)
        log_evidence = float(log_p.flatten().logsumexp(0))
        self._possible(log_evidence)
        joint = (log_p - log_evidence).exp_()
        axes = range(len(sizes))
        marginals = {
            name: joint.sum([axis for axis in axes if axis != i]) if len(sizes) > 1 else joint
            for name, i in axis_of.items()
        }
        return Answer(log_evidence, marginals)

    def sample(self, n: int) -> Tensor:
        """Ancestral samples from the global stream, (n, variables) of states, as ``nodes``."""
        drawn: dict[str, Tensor] = {}
        for name in self.order:
            node = self.nodes[name]
            rows = node.table[tuple(drawn[parent] for parent in node.parents)]
            rows = rows.expand(n, -1)
            drawn[name] = torch.multinomial(rows, 1).squeeze(1)
        return torch.stack([drawn[name] for name in self.nodes], dim=1)


@dataclass(frozen=True)
class EvidenceState:
    """The observations of a network so far.

    Args:
        value: (variables,) states in the order of the net's nodes; -1 if not observed.
        log_evidence: log p(all observations) in nats.
    """

    value: Tensor
    log_evidence: Tensor


class EvidenceByStep(Inference[EvidenceState, Mapping[str, int]]):
    """Bayes' rule on a network, with a few observed variables per step.

    Args:
        net: a tree or a chain.

    Example:
        >>> net = BayesNet.chain([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], 3)
        >>> watch = EvidenceByStep(net)
        >>> state, info = watch.step(watch.init(), {"x1": 0})
        >>> round(watch.marginals(state)["x3"][0].item(), 4)
        0.82
    """

    state_class = EvidenceState

    def __init__(self, net: BayesNet) -> None:
        self.net = net

    @property
    def series(self) -> tuple[Series, ...]:
        return EVIDENCE

    def init(self, seed: int = 0, data: Tensor | None = None) -> EvidenceState:
        value = torch.full((len(self.net.nodes),), -1)
        return EvidenceState(value, torch.zeros((), dtype=torch.float64))

    def evidence(self, state: EvidenceState) -> dict[str, int]:
        """The observed states by name."""
        pairs = zip(self.net.nodes, state.value.tolist(), strict=True)
        return {name: value for name, value in pairs if value >= 0}

    def step(self, state: EvidenceState, batch: Mapping[str, int]) -> tuple[EvidenceState, Info]:
        """Observe some variables.

        Raises:
            SpecError: if the observations contradict the net or each other.
        """
        before = self.evidence(state)
        for name in batch:
            if name in before and before[name] != batch[name]:
                raise SpecError(
                    name, batch[name], f"it was already observed in state {before[name]}"
                )
        answer = self.net.infer({**before, **batch})
        value = state.value.clone()
        for i, name in enumerate(self.net.nodes):
            if name in batch:
                value[i] = int(batch[name])
        new = EvidenceState(value, torch.tensor(answer.log_evidence, dtype=torch.float64))
        return new, evidence_info(new.log_evidence, state.log_evidence)

    def marginals(self, state: EvidenceState) -> dict[str, Tensor]:
        """p(variable | all observations) of every variable."""
        return self.net.infer(self.evidence(state)).marginals


EVIDENCE = (
    Series("log_evidence", "log p(all data)", "evidence", "nats", "exact"),
    Series("log_predictive", "log p(batch | data before)", "prediction", "nats", "exact"),
)


def evidence_info(after: Tensor, before: Tensor) -> Info:
    """The terms of :data:`EVIDENCE`."""
    return Info({"log_evidence": after, "log_predictive": after - before})


@dataclass(frozen=True)
class Belief:
    """p(z | data) over finitely many hypotheses.

    Args:
        log_p: (K,) in nats.
        log_evidence: log p(data) in nats.
    """

    log_p: Tensor
    log_evidence: Tensor


class Hypotheses(Inference[Belief, Tensor]):
    """p(z | x_1..n) ∝ p(z) Π_i p(x_i | z) for finitely many z and discrete x.

    Args:
        prior: p(z), (K,).
        likelihood: p(x | z), (K, V).

    Raises:
        SpecError: if a table is negative or does not sum to 1, or the two do not match.

    Example:
        >>> coins = Hypotheses([0.5, 0.5], [[0.5, 0.5], [0.1, 0.9]])
        >>> state, _ = coins.step(coins.init(), torch.tensor([1, 1]))
        >>> round(coins.posterior(state)[1].item(), 4)
        0.7642
    """

    state_class = Belief

    def __init__(self, prior: Tensor, likelihood: Tensor) -> None:
        self.prior = probabilities("prior", prior)
        self.likelihood = probabilities("likelihood", likelihood)
        if self.prior.dim() != 1 or self.likelihood.shape[:-1] != self.prior.shape:
            raise SpecError(
                "likelihood",
                tuple(self.likelihood.shape),
                f"allowed: one row for each of {len(self.prior)} hypotheses",
            )

    @property
    def series(self) -> tuple[Series, ...]:
        return EVIDENCE

    def init(self, seed: int = 0, data: Tensor | None = None) -> Belief:
        return Belief(self.prior.log(), torch.zeros((), dtype=torch.float64))

    def step(self, state: Belief, batch: Tensor) -> tuple[Belief, Info]:
        """Update on observations, (B,) of whole numbers from 0 to V - 1.

        Raises:
            SpecError: for a value outside 0 to V - 1, or one that is impossible under all
                hypotheses.
        """
        x = finite("batch", batch)
        states = self.likelihood.shape[-1]
        if not bool(((x == x.round()) & (x >= 0) & (x < states)).all()):
            raise SpecError("batch", x.tolist(), f"allowed: whole numbers from 0 to {states - 1}")
        joint = state.log_p + self.likelihood.log()[:, x.long()].sum(1)
        gain = joint.logsumexp(0)
        BayesNet._possible(float(gain))
        new = Belief(joint - gain, state.log_evidence + gain)
        return new, evidence_info(new.log_evidence, state.log_evidence)

    def posterior(self, state: Belief) -> Tensor:
        """p(z | data), (K,)."""
        return state.log_p.exp()
