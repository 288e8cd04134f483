# %% [markdown]
# # Compare two runs over seeds
#
# One run says little: another seed gives another number. This script trains two VAEs that differ
# in one option, each with five seeds, and says whether the difference of their held-out ELBO is
# larger than what seeds explain. It takes about fifteen seconds on one core.

# %%
from statistics import mean, stdev

from scipy.stats import t as student

import genlab

SEEDS = range(5)
COMMON = {"model": "vae", "data": "digits", "steps": 200, "hidden": 64, "batch": 64}
SETTINGS = {"1 latent dimension": {"latent": 1}, "8 latent dimensions": {"latent": 8}}

# %% [markdown]
# ## Train each setting with each seed
#
# `evaluate` gives every metric that fits the model. Its own interval is over the test examples of
# one run; it does not know of other seeds.


# %%
def held_out_elbo(seed: int, **options: object) -> float:
    """The ELBO of a fresh run on test examples, in nats an example."""
    run = genlab.train(**COMMON, **options, seed=seed, title=f"seed {seed}: {options}")
    found = genlab.metrics.evaluate(run.model(), run.data(), seed=0, n=300)
    return next(one.value for one in found if one.series.name == "test_elbo")


values = {
    name: [held_out_elbo(seed, **options) for seed in SEEDS] for name, options in SETTINGS.items()
}
for name, found in values.items():
    print(f"{name}: mean {mean(found):.2f} nats, standard deviation over seeds {stdev(found):.2f}")

# %% [markdown]
# ## The paired difference
#
# Two runs with the same seed see the same batches in the same order, so the comparison is paired:
# the interval is that of the mean of the five differences, with Student's t of four degrees of
# freedom.

# %%
first, second = values.values()
differences = [b - a for a, b in zip(first, second, strict=True)]
n = len(differences)
half = float(student.ppf(0.975, n - 1)) * stdev(differences) / n**0.5
low, high = mean(differences) - half, mean(differences) + half
print(f"difference over {n} seeds: {mean(differences):.2f} nats [{low:.2f}, {high:.2f}]")
if low > 0 or high < 0:
    better = list(SETTINGS)[low > 0]
    print(f"The ELBO on held-out digits is higher with {better}, at this budget.")
else:
    print("The interval holds zero: these seeds do not tell which is better.")
