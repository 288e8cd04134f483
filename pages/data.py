"""Data: what each dataset contains, and the upload of your own data."""

from __future__ import annotations

import streamlit as st

from genlab.core.escape import escape_markdown
from genlab.core.run_spec import models_for
from genlab.core.tables import DATASETS, MODELS
from genlab.ui import forms, links, pictures, user_data
from genlab.ui.kept_choice import keep_index
from genlab.ui.page_states import DATA

st.title("Data")
names = DATASETS.names()
name, wrong = DATA.value("data", choices=names, default=names[0])
if wrong:
    st.error(escape_markdown(wrong), icon=":material/error:")
user_data.section(expanded=DATASETS[name].user_supplied)

left, right = st.columns([2, 3], gap="large")
with left:
    picked = st.selectbox(
        "Dataset",
        names,
        index=keep_index("data.name", names, name),
        key="data.name",
        format_func=lambda n: DATASETS.row(n).title,
    )
    st.markdown(DATASETS.row(picked).summary)
    values = forms.data_part(picked, forms.given_data(picked))
    source = DATASETS[picked]
    meta = source.meta(source.Options.build(values))
    # Nothing can be described before somebody uploads a dataset.
    if values or not source.user_supplied:
        pictures.describe(meta)
        able = [MODELS.row(name).title for name in models_for(picked, values)]
        st.markdown(f"**Models that can learn it**: {', '.join(able) or 'none yet'}")
        if st.button("Train on this", icon=":material/play_circle:", key="data.train"):
            links.train({"data": picked, **{k: str(v) for k, v in values.items()}})
with right:
    pictures.dataset(picked, values, meta)
    pictures.proposals(meta)
if not wrong or picked != name:
    DATA.write(data=picked, **forms.data_options_of(picked, values))
