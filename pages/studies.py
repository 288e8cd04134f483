"""Studies: several configurations, each trained with several seeds, and whether they differ."""

from __future__ import annotations

import streamlit as st

from genlab import runs, studies
from genlab.core.errors import GenlabError, RunNotFound
from genlab.core.escape import escape_markdown
from genlab.core.run_spec import RunSpec
from genlab.ui import cards, forms
from genlab.ui import studies as parts
from genlab.ui.messages import empty, plain_sentence
from genlab.ui.page_states import STUDIES

st.title("Studies")
st.markdown(
    "A single run of each model cannot show which model is better, because another seed may "
    "reverse the order. A study trains every arm with several seeds and tests whether the "
    "difference is larger than the variation over seeds and test examples."
)
known = {study.name: study for study in studies.list_studies()}
asked = STUDIES.read().study
given = STUDIES.undeclared()
if asked and asked not in known:
    st.error(f"There is no study {escape_markdown(repr(asked))} here.", icon=":material/error:")
    asked = ""

with st.expander("New study", expanded=bool(given) or not known, icon=":material/add:"):
    if given:
        try:
            parts.new_study(forms.changed_options(RunSpec.build(**given).flat()))
        except GenlabError as error:
            st.error(plain_sentence(error), icon=":material/error:")
    elif parts.trains_new_runs():
        titles = {row.id: row.name for row in runs.store().headings(limit=50)}
        titles |= {view.id: cards.name(view.row) for view in runs.list_shipped()}
        base = st.selectbox(
            "Base: the options of a run",
            list(titles),
            index=None,
            format_func=lambda run: f"{titles[run]} · {run}",
            placeholder="Choose a run, or fill in the form on Train and press Study over seeds",
        )
        if base:
            try:
                spec = runs.open_run(base).spec
                parts.new_study(forms.changed_options(spec.flat()))
            except (GenlabError, RunNotFound) as error:
                st.error(plain_sentence(error), icon=":material/error:")

if not known:
    empty("There is no study yet.", "Open New study above.")
    st.stop()
names = list(known)
picked = st.selectbox(
    "Study",
    names,
    # Where a link opens the form of a new study, no other study is shown by default.
    index=names.index(asked) if asked else None if given else 0,
    placeholder="Choose a study",
    format_func=lambda name: f"{known[name].title} · {name}",
    key=f"studies.pick.{asked}",
)
if picked is None:
    st.stop()
if picked != asked:
    STUDIES.write(study=picked)
parts.show(known[picked])
