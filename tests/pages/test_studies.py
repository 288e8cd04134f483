"""Studies: from the form to the sentence."""

from __future__ import annotations

from genlab import runs, studies
from genlab.runs import foreground
from genlab.studies.measure import measured_here

SMALL = {"model": "vae", "data": "digits", "steps": "6", "batch": "16", "hidden": "16"}
ENDS = ("lowest", "highest")


def texts(app) -> str:
    return "\n".join([m.value for m in app.markdown] + [h.body for h in app.get("html")])


def test_an_empty_page_says_how_to_begin(visit, home):
    app = visit("studies")
    assert not app.exception
    assert "no study yet" in texts(app)


def test_a_study_from_the_form_to_the_sentence(visit, home):
    app = visit("studies", **SMALL)
    assert not app.exception
    app.selectbox[0].set_value("latent").run()
    app.text_input[0].set_value("2, 4").run()
    app.number_input[0].set_value(3).run()
    start = app.button(key="studies.start")
    assert start.label == "Start 6 runs"
    start.click().run()
    study = studies.list_studies()[0]
    assert app.query_params["study"] == study.name
    assert [arm.name for arm in study.arms] == ["latent = 2", "latent = 4"]
    assert runs.store().get(study.cells[0].run).spec["steps"] == 6
    assert "0 of 6 runs have ended" in app.get("progress")[0].proto.text
    assert "Nothing is measured yet: 6" in texts(app)
    for cell in study.cells:
        foreground.resume(cell.run)
    app = visit("studies", study=study.name)
    assert not app.exception
    assert "● ● ●" in texts(app)
    # The metrics are jobs of the queue; here they are done at once.
    found = studies.collect_metrics(study, studies.state(study), measured_here)
    for job in runs.store().jobs():
        runs.store().update_job(job.key, status="done", progress=1.0)
    assert len(found) == 6
    app = visit("studies", study=study.name)
    assert not app.exception
    assert "3 pairs of seeds and" in texts(app)
    assert app.selectbox(key="studies.curve").options
    mounted = "".join(str(one.proto) for one in app.get("bidi_component"))
    assert "from the lowest to the highest seed" in mounted
    app.button(key="studies.extend").click().run()
    assert len(studies.open_study(study.name).seeds) == 8
    app.button(key="studies.pause").click().run()
    assert studies.open_study(study.name).paused
    assert not runs.store().queue()


def test_two_options_make_every_combination(visit, home):
    app = visit("studies", **SMALL)
    app.selectbox[0].set_value("latent").run()
    app.text_input[0].set_value("2, 4").run()
    second = app.selectbox[1]
    assert second.label == "A second varied option (optional)"
    # What is varied already is not offered again; labels have the words of the form on Train.
    assert "Learning rate" in second.options
    assert "Objective" in second.options
    assert len(second.options) == len(app.selectbox[0].options) - 1
    second.set_value("lr").run()
    app.text_input[1].set_value("1e-3,1e-4, 1e-5").run()
    app.number_input[0].set_value(2).run()
    app.button(key="studies.start").click().run()
    (study,) = studies.list_studies()
    assert len(study.arms) == 6
    assert study.arms[0].name == "latent = 2, lr = 1e-3"


def test_values_of_a_choice_are_picked_by_their_titles(visit, home):
    app = visit("studies", **SMALL)
    assert app.selectbox[0].value == "objective"
    assert "IWAE (importance-weighted bound)" in app.multiselect[0].options
    app.multiselect[0].set_value(["elbo", "iwae"]).run()
    app.number_input[0].set_value(2).run()
    app.button(key="studies.start").click().run()
    (study,) = studies.list_studies()
    assert [arm.changes for arm in study.arms] == [{"objective": "elbo"}, {"objective": "iwae"}]


def test_the_quality_of_samples_is_offered_for_images_with_classes(visit, home):
    label = "Measure the quality of the samples too"
    ring = visit("studies", model="gan", data="ring")
    assert label not in [box.label for box in ring.checkbox]
    app = visit("studies", **SMALL)
    next(box for box in app.checkbox if box.label == label).check().run()
    app.selectbox[0].set_value("latent").run()
    app.text_input[0].set_value("2, 4").run()
    app.number_input[0].set_value(1).run()
    app.button(key="studies.start").click().run()
    (study,) = studies.list_studies()
    assert study.quality
    for cell in study.cells:
        foreground.resume(cell.run)
    app = visit("studies", study=study.name)
    assert not app.exception
    kinds = [job.kind for job in runs.store().jobs()]
    assert sorted(kinds) == ["evaluate", "evaluate", "sample_quality", "sample_quality"]


def test_what_is_wrong_is_said_and_nothing_is_queued(visit, home):
    app = visit("studies", **SMALL)
    app.selectbox[0].set_value("latent").run()
    app.text_input[0].set_value("2, -4").run()
    app.button(key="studies.start").click().run()
    assert "latent" in app.error[0].value
    assert not runs.store().queue()
    app = visit("studies", study="nowhere")
    assert "no study" in app.error[0].value
    assert not app.exception


def test_train_hands_its_form_over(visit, home):
    app = visit("train", model="gan", data="ring", lr="0.0007")
    app.button(key="train.study").click().run()
    assert app.title[0].value == "Studies"
    assert (app.query_params["model"], app.query_params["lr"]) == ("gan", "0.0007")


def test_a_search_from_the_form_to_its_trials(visit, home):
    app = visit("studies", **SMALL)
    app.radio[0].set_value("search").run()
    assert not app.exception
    searched = app.multiselect(key="studies.searched")
    assert {"Learning rate", "Objective"} <= set(searched.options)
    searched.set_value(["lr", "latent", "likelihood"]).run()
    lowest, highest = (app.number_input(key=f"studies.searched.lr.{end}") for end in ENDS)
    assert (lowest.value, highest.value) == (2e-4, 2e-2)
    lowest.set_value(0.5).run()
    assert "lower end" in app.error[0].value
    app.number_input(key="studies.searched.lr.lowest").set_value(1e-4).run()
    app.number_input(key="studies.searched.latent.lowest").set_value(2).run()
    app.number_input(key="studies.searched.latent.highest").set_value(4).run()
    likelihood = app.multiselect(key="studies.searched.likelihood")
    assert "Continuous Bernoulli" in likelihood.options
    likelihood.set_value(["continuous_bernoulli", "gaussian"]).run()
    assert not app.error
    number = {box.label: box for box in app.number_input}
    number["Trials"].set_value(5).run()
    {box.label: box for box in app.number_input}["Fresh seeds at the end"].set_value(3).run()
    app.button(key="studies.search").click().run()
    study = studies.list_studies()[0]
    assert study.search is not None
    assert (study.search.trials, study.search.fresh, study.search.metric) == (5, 3, "val_elbo")
    assert [str(one) for one in study.search.space] == [
        "lr=0.0001..0.02:log",
        "latent=2..4",
        "likelihood=continuous_bernoulli,gaussian",
    ]
    while studies.advance(study.name):
        for run in list(runs.store().queue()):
            foreground.resume(run)
    app = visit("studies", study=study.name)
    assert not app.exception
    assert "winner's curse" in texts(app)
    assert "★ best" in texts(app)
    assert "Learning rate" in texts(app)
    assert len(app.get("plotly_chart")) >= 2


def test_the_form_of_a_link_stays_where_there_are_other_studies(visit, home):
    known = studies.create({**SMALL, "steps": 6, "batch": 16, "hidden": 16}, {"latent": [2, 4]}, 2)
    app = visit("studies", **SMALL)
    app.run()
    assert not app.exception
    assert app.selectbox[0].label == "Varied option"
    assert "study" not in app.query_params
    app.selectbox(key="studies.pick.").set_value(known.name).run()
    assert app.query_params["study"] == known.name


def test_a_study_of_runs_that_exist(visit, home):
    made = [
        foreground.train({**SMALL, "latent": latent, "seed": seed}).id
        for latent in (2, 4)
        for seed in (0, 1)
    ]
    app = visit("studies")
    app.segmented_control(key="studies.source").set_value("Use existing runs").run()
    assert not app.exception
    chooser = app.multiselect(key="studies.existing")
    assert {option.rpartition(" · ")[2] for option in chooser.options} == set(made)
    chooser.set_value(made[:3]).run()
    assert "**latent = 2**: seeds 0, 1" in texts(app)
    app.button(key="studies.group").click().run()
    assert not app.exception
    (study,) = studies.list_studies()
    assert {cell.run for cell in study.cells} == set(made[:3])
    # Nothing was queued.
    assert not runs.store().queue()
