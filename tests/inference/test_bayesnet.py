"""Message passing against enumeration on random trees and chains, and against Bayes' rule."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from genlab.core.errors import SnapshotError, SpecError
from genlab.inference.bayesnet import BayesNet, EvidenceByStep, Hypotheses, Node


def random_net(seed: int, *, forest: bool = False, polytree: bool = True) -> BayesNet:
    """A random tree (some nodes with several parents) of 7 variables of 2 to 4 states."""
    source = np.random.default_rng(seed)
    size = 7
    states = source.integers(2, 5, size)
    parents: list[list[int]] = [[] for _ in range(size)]
    for child in range(1, size):
        if forest and child == 4:
            continue
        other = int(source.integers(0, child))
        if polytree and source.random() < 0.4:
            parents[other].append(child)
        else:
            parents[child].append(other)
    nodes = []
    for i in range(size):
        shape = (*(int(states[p]) for p in parents[i]), int(states[i]))
        table = source.dirichlet(np.ones(shape[-1]) * 0.7, size=shape[:-1]).reshape(shape)
        nodes.append(Node(f"v{i}", torch.tensor(table), tuple(f"v{p}" for p in parents[i])))
    source.shuffle(nodes)
    return BayesNet(nodes)


@pytest.mark.parametrize("seed", range(12))
def test_messages_equal_enumeration_on_trees(seed: int) -> None:
    net = random_net(seed, forest=seed % 3 == 0, polytree=seed % 2 == 0)
    source = np.random.default_rng(100 + seed)
    for seen in range(4):
        names = source.choice(list(net.nodes), size=seen, replace=False)
        evidence = {str(name): int(source.integers(net.states[str(name)])) for name in names}
        fast, slow = net.infer(evidence), net.enumerate(evidence)
        assert fast.log_evidence == pytest.approx(slow.log_evidence, abs=1e-10)
        assert set(fast.marginals) == set(net.nodes)
        for name, marginal in slow.marginals.items():
            torch.testing.assert_close(fast.marginals[name], marginal, rtol=0, atol=1e-10)


def test_messages_equal_matrix_powers_on_a_long_chain() -> None:
    start = torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64)
    move = torch.tensor([[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.0, 0.3, 0.7]], dtype=torch.float64)
    net = BayesNet.chain(start, move, 400)
    answer = net.infer()
    assert answer.log_evidence == pytest.approx(0.0, abs=1e-9)
    for t in (1, 2, 57, 400):
        exact = start @ torch.linalg.matrix_power(move, t - 1)
        torch.testing.assert_close(answer.marginals[f"x{t}"], exact, rtol=1e-9, atol=1e-12)


def test_a_hidden_markov_model_by_the_forward_recursion() -> None:
    source = np.random.default_rng(3)
    start, move = source.dirichlet(np.ones(3)), source.dirichlet(np.ones(3), 3)
    emit = source.dirichlet(np.ones(4), 3)
    seen = source.integers(4, size=60)
    alpha, log_evidence = start * emit[:, seen[0]], 0.0
    for x in seen[1:]:
        log_evidence += math.log(alpha.sum())
        alpha = (alpha / alpha.sum()) @ move * emit[:, x]
    log_evidence += math.log(alpha.sum())
    net = BayesNet.hidden_markov(*map(torch.tensor, (start, move, emit)), 60)
    answer = net.infer({f"x{t + 1}": int(x) for t, x in enumerate(seen)})
    assert answer.log_evidence == pytest.approx(log_evidence, abs=1e-9)
    assert answer.marginals["z60"].numpy() == pytest.approx(alpha / alpha.sum(), abs=1e-10)


def test_zeros_in_the_tables_are_no_trouble() -> None:
    flip = [[0.0, 1.0], [1.0, 0.0]]
    net = BayesNet([Node("a", [1.0, 0.0]), Node("b", flip, ("a",)), Node("c", flip, ("b",))])
    answer = net.infer({"c": 0})
    assert answer.log_evidence == pytest.approx(0.0, abs=1e-12)
    assert answer.marginals["b"].tolist() == [0.0, 1.0]
    with pytest.raises(SpecError, match="probability 0"):
        net.infer({"c": 1})
    with pytest.raises(SpecError, match="probability 0"):
        net.enumerate({"c": 1})


def test_the_posterior_as_observations_arrive() -> None:
    net = random_net(2)
    watch = EvidenceByStep(net)
    prior = state = watch.init()
    evidence: dict[str, int] = {}
    gains = 0.0
    for name in list(net.nodes)[:4]:
        evidence[name] = 1
        state, info = watch.step(state, {name: 1})
        gains += info.means()["log_predictive"]
        slow = net.enumerate(evidence)
        assert float(state.log_evidence) == pytest.approx(slow.log_evidence, abs=1e-10)
        for other, marginal in watch.marginals(state).items():
            torch.testing.assert_close(marginal, slow.marginals[other], rtol=0, atol=1e-10)
    assert gains == pytest.approx(float(state.log_evidence), abs=1e-10)
    assert prior.value.tolist() == [-1] * 7
    again = watch.unpack(watch.pack(state))
    assert torch.equal(again.value, state.value)
    name = next(iter(evidence))
    with pytest.raises(SpecError, match="already observed"):
        watch.step(state, {name: 0})


def test_samples_have_the_exact_marginals() -> None:
    net = random_net(4)
    exact = net.enumerate().marginals
    torch.manual_seed(0)
    n = 20_000
    x = net.sample(n)
    for i, p in enumerate(exact.values()):
        share = torch.bincount(x[:, i], minlength=len(p)).double() / n
        error = (p * (1 - p) / n).sqrt().clamp_min(1e-6)
        assert float(((share - p) / error).abs().max()) < 4.5


def test_enumeration_sums_the_joint() -> None:
    net = random_net(5)
    x = torch.cartesian_prod(*(torch.arange(k) for k in net.states.values()))
    p = net.log_joint(x).exp()
    assert float(p.sum()) == pytest.approx(1.0, abs=1e-12)
    given = x[:, 2] == 1
    answer = net.enumerate({list(net.nodes)[2]: 1})
    assert answer.log_evidence == pytest.approx(math.log(float(p[given].sum())), abs=1e-12)
    for i, (name, k) in enumerate(net.states.items()):
        exact = [float(p[given & (x[:, i] == v)].sum() / p[given].sum()) for v in range(k)]
        assert answer.marginals[name].tolist() == pytest.approx(exact, abs=1e-12)


def test_log_joint_by_hand() -> None:
    net = BayesNet([Node("a", [0.25, 0.75]), Node("b", [[0.5, 0.5], [0.1, 0.9]], ("a",))])
    x = torch.tensor([[0, 1], [1, 0]])
    assert net.log_joint(x).exp().tolist() == pytest.approx([0.125, 0.075], abs=1e-12)


def test_finite_hypotheses_by_bayes_rule() -> None:
    prior = np.array([0.2, 0.5, 0.3])
    table = np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8], [0.3, 0.6, 0.1]])
    x = np.array([0, 2, 2, 1, 0])
    joint = prior * table[:, x].prod(1)
    rule = Hypotheses(torch.tensor(prior), torch.tensor(table))
    state = rule.init()
    for part in (x[:2], x[2:]):
        state, _ = rule.step(state, torch.tensor(part))
    assert rule.posterior(state).numpy() == pytest.approx(joint / joint.sum(), abs=1e-12)
    assert float(state.log_evidence) == pytest.approx(math.log(joint.sum()), abs=1e-12)
    with pytest.raises(SpecError, match="0 to 2"):
        rule.step(state, torch.tensor([3]))


def test_bad_nets_are_said_clearly() -> None:
    coin = [0.5, 0.5]
    table = [coin, coin]
    with pytest.raises(SpecError, match=r"sum of 0\.9"):
        Node("a", [0.5, 0.4])
    with pytest.raises(SpecError, match="0 to 1"):
        Node("a", [1.5, -0.5])
    with pytest.raises(SpecError, match="one axis for each of 1 parents"):
        Node("a", coin, ("b",))
    with pytest.raises(SpecError, match="each variable once"):
        BayesNet([Node("a", coin), Node("a", coin)])
    with pytest.raises(SpecError, match="allowed: b"):
        BayesNet([Node("b", table, ("nobody",))])
    with pytest.raises(SpecError, match="cycle"):
        BayesNet([Node("a", table, ("b",)), Node("b", table, ("a",))])
    with pytest.raises(SpecError, match="3 states, not 2"):
        BayesNet([Node("a", [0.2, 0.3, 0.5]), Node("b", table, ("a",))])
    net = BayesNet.chain(coin, table, 3)
    with pytest.raises(SpecError, match="did you mean"):
        net.infer({"x11": 0})
    with pytest.raises(SpecError, match="from 0 to 1"):
        net.infer({"x1": 2})


def test_a_loop_and_a_large_enumeration_are_refused() -> None:
    coin, table = [0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]]
    both = [[coin, coin], [coin, [0.1, 0.9]]]
    diamond = BayesNet(
        [
            Node("a", coin),
            Node("b", table, ("a",)),
            Node("c", table, ("a",)),
            Node("d", both, ("b", "c")),
        ]
    )
    with pytest.raises(SpecError, match="loop"):
        diamond.infer()
    assert float(sum(diamond.enumerate({"d": 1}).marginals["a"])) == pytest.approx(1.0)
    with pytest.raises(SpecError, match="at most 20 binary variables"):
        BayesNet.chain(coin, table, 21).enumerate()
    assert BayesNet.chain(coin, table, 20).enumerate().log_evidence == pytest.approx(0, abs=1e-9)


def test_a_state_of_another_kind_is_refused() -> None:
    rule = Hypotheses([0.5, 0.5], [[0.5, 0.5], [0.5, 0.5]])
    watch = EvidenceByStep(BayesNet([Node("a", [0.5, 0.5])]))
    with pytest.raises(SnapshotError, match="another kind"):
        watch.unpack(rule.pack(rule.init()))
