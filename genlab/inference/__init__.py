"""Inference: exact, stochastic variational, automatic variational, and Monte Carlo.

``bayesnet``: discrete nets by message passing; ``conjugate``: Beta-Bernoulli, Normal;
``linear_gaussian``: probabilistic PCA; ``mixture``: finite Gaussian mixtures by EM; ``svi``:
natural-gradient stochastic variational inference; ``lda``: topic models; ``tree``: Chow-Liu trees;
``log_joints``: models given by a log-joint density, ``log_joint_models``: the same as models of a
run; ``advi``, ``mcmc``: inference for log-joints; ``runs``, ``log_joint_runs``: the algorithms of
runs that use these inferences.
"""
