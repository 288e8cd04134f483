"""Inference: exact where the model allows it, stochastic variational where it almost does.

``bayesnet``: discrete nets by message passing; ``conjugate``: Beta-Bernoulli, Normal;
``linear_gaussian``: probabilistic PCA; ``mixture``: finite Gaussian mixtures by EM; ``svi``:
natural-gradient stochastic variational inference; ``lda``: topics; ``tree``: the best tree from
counts; ``log_joints``: models as a function of their parameters, ``log_joint_models``: the same as
models of a run; ``advi``, ``mcmc``: how they are fitted; ``runs``, ``log_joint_runs``: those that
train a model as an algorithm of the table.
"""
