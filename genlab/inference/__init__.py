"""Inference: exact where the model allows it, stochastic variational where it almost does.

``bayesnet``: discrete nets by message passing; ``conjugate``: Beta-Bernoulli, Normal;
``linear_gaussian``: probabilistic PCA; ``mixture``: finite Gaussian mixtures by EM; ``svi``:
natural-gradient stochastic variational inference; ``lda``: topics; ``runs``: those that train a
model as an algorithm of the table.
"""
