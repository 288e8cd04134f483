"""Studies: several ways of training over several seeds, and whether the difference is real."""

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
    "One training of each kind cannot say which kind is better: another seed may say otherwise. "
    "A study trains every arm with several seeds and says what the seeds and the test examples "
    "together allow to say."
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
    else:
        titles = {row.id: row.name for row in runs.store().headings(limit=50)}
        titles |= {view.id: cards.name(view.row) for view in runs.list_shipped()}
        base = st.selectbox(
            "Base: the options of a run",
            list(titles),
            index=None,
            format_func=lambda run: f"{titles[run]} · {run}",
            placeholder="Choose a run; or fill in the form on Train and press Study there",
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
    # A study that nobody chose would take the place of the form that the link asks for.
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
