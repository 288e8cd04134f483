# %% [markdown]
# # Train and explore a VAE
#
# A variational autoencoder learns 8×8 handwritten digits. The script trains it, looks at its
# numbers, draws samples from it, walks between two codes and saves an image.
# It takes about ten seconds on one core. Run it as a script, or cell by cell in an editor that
# knows percent scripts.

# %%
import numpy as np
import torch

import genlab
from genlab.core.random import scope

# %% [markdown]
# ## Train
#
# The keyword arguments are the options of the form and of the command line. The run is kept in
# the store, so the pages show it too.

# %%
run = genlab.train(model="vae", data="digits", latent=8, steps=400, seed=0, title="Worked example")
print(run)

# %% [markdown]
# The run recorded its loss and the terms of it at every step that was written. The evidence lower
# bound (ELBO) is in nats, and higher is better.

# %%
rows = [r for r in run.read(limit=10_000, kinds={"scalars"}) if r.payload.get("elbo") is not None]
elbo = {row.step: row.payload["elbo"] for row in rows}
first, last = min(elbo), max(elbo)
print(f"ELBO of a batch: {elbo[first]:.1f} nats at step {first}, {elbo[last]:.1f} at step {last}")
assert elbo[last] > elbo[first]

# %% [markdown]
# ## Evaluate
#
# Every metric comes with its unit and a 95 % interval, from examples the model has not seen.

# %%
model = genlab.load(run.id)
data = run.data()
for estimate in genlab.metrics.evaluate(model, data, seed=0, n=200):
    about = estimate.series
    interval = f"[{estimate.low:.3g}, {estimate.high:.3g}]"
    print(f"{about.title}: {estimate.value:.3g} {interval} {about.unit}")

# %% [markdown]
# ## Sample
#
# A sample is a code from the prior, decoded. `scope` seeds the draw and leaves the random stream
# of the rest of the program as it was.

# %%
with torch.no_grad(), scope(0, "samples"):
    z = model.prior().sample((16,))
    samples = model.decode(z).mean
assert samples.shape == (16, 1, 8, 8)
assert 0.0 <= float(samples.min()) <= float(samples.max()) <= 1.0

# %% [markdown]
# ## Walk from one digit to another
#
# The encoder gives a distribution over codes for each image. The mean of it is the code from
# which the path starts; the decoder turns every point of the path into an image.

# %%
x = data.test.x[:2]
with torch.no_grad():
    ends = model.encode(x).mean
    t = torch.linspace(0, 1, 9)[:, None]
    path = model.decode((1 - t) * ends[0] + t * ends[1]).mean
    back = model.decode(ends).mean
error = float((back - x).square().mean())
print(f"mean squared error of the two reconstructions: {error:.3f} (pixels are in [0, 1])")

# %% [markdown]
# ## Save
#
# One row of samples above one row of the path, as a PNG beside the script's working folder.

# %%
from PIL import Image

sheet = np.vstack([np.hstack(part[:9, 0].numpy()) for part in (samples, path)])
image = Image.fromarray((255 * sheet).astype("uint8")).resize((9 * 48, 2 * 48), Image.NEAREST)
image.save("vae_digits.png")
