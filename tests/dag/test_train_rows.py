"""Trained models in the workflow: the jobs that their rows plan, and those that a change of them reruns."""

import pytest

SHEET, MAPS = "config/train.tsv", "config/maps.tsv"
#: Most stages are switched off.
CONFIG = f"""\
models: {{sheet: config/models/embedded.tsv, select: [lite0, lite1_80]}}
train: {{sheet: {SHEET}, steps: 30, batch_size: 16}}
stimuli: {{sheet: config/stimuli.tsv}}
recordings: {{sheet: config/recordings.tsv, enabled: false}}
maps: {{sheet: {MAPS}}}
accuracy: {{stimuli: [photographs, scenes]}}
gram: {{enabled: false}}
saliency: {{enabled: false}}
attacks: {{enabled: false}}
"""
ROWS = """\
model	base	maps	stimuli	validation	baseline	supervision	steps
lite0+none	lite0	masks	scenes_fit	held_out		none	20
lite0+harmonized	lite0	masks	scenes_fit	held_out	lite0+none		20
lite0+twice	lite0+harmonized	held_out
lite1+harmonized	lite1_80	held_out
"""
SETS = """\
maps	reader	path	stimuli	ceiling	simulated
masks	masks	results/stimuli/scenes.csv	scenes	1	true
held_out	masks	results/stimuli/scenes_fit.csv	scenes_fit	1	true
"""
BASES, TRAINED = {"lite0", "lite1_80"}, {"lite0+none", "lite0+harmonized", "lite0+twice", "lite1+harmonized"}


@pytest.fixture(scope="module")
def untrained(fresh, tmp_path_factory):
    """A workflow of two bases and four trained models that never ran."""
    folder = fresh.copy(tmp_path_factory.mktemp("untrained") / "workflow").folder
    for path, text in (("config/config.yaml", CONFIG), (SHEET, ROWS), (MAPS, SETS)):
        (folder / path).write_text(text)
    return type(fresh)(folder)


@pytest.fixture(scope="module")
def trained_once(untrained, tmp_path_factory):
    """The same after a complete run."""
    workflow = untrained.copy(tmp_path_factory.mktemp("trained") / "workflow")
    workflow.run()
    return workflow


@pytest.fixture
def study(trained_once, tmp_path):
    """A finished workflow that the test may change."""
    return trained_once.copy(tmp_path / "workflow")


def jobs(plan, rule):
    """First wildcard of every job of a rule."""
    return {job[1] for job in plan if job[0] == rule}


def models(plan):
    """Models that have a job of their own, beside the comparison of their images, which takes no time."""
    return {value for job in plan if job[0] != "train_apart" for value in job[1:]} & (BASES | TRAINED)


def test_each_row_is_trained_once_and_enters_every_measure_that_fits_its_labels(untrained):
    plan = untrained.plan()
    assert sorted(job[1] for job in plan if job[0] == "train_fit") == sorted(TRAINED)
    assert {job for job in plan if job[0] == "train_rows"} == {("train_rows",)}
    assert jobs(plan, "models_card") == BASES | TRAINED
    assert {job[1:] for job in plan if job[0] == "accuracy"} == {
        *((base, "photographs") for base in BASES), *((model, "scenes") for model in TRAINED),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("model", "before"),
    [
        ("lite0", set()),
        ("lite0+none", {"lite0+none"}),
        ("lite1+harmonized", {"lite1+harmonized"}),
        ("lite0+twice", {"lite0+harmonized", "lite0+twice"}),
    ],
)
def test_features_wait_for_the_training_of_their_model_and_of_its_bases(untrained, model, before):
    assert jobs(untrained.plan(f"results/features/{model}/scenes.json"), "train_fit") == before


def test_a_training_waits_for_its_images_maps_and_base(untrained):
    plan = untrained.plan("results/train/lite0+none.json")
    assert jobs(plan, "stimuli") == {"scenes", "scenes_fit"}
    assert jobs(plan, "maps_read") == {"masks", "held_out"}
    assert jobs(plan, "preprocess") == {"scenes_fit"}, "only images of the validation are preprocessed"
    assert jobs(plan, "models_card") == {"lite0"} and jobs(plan, "features") == set()
    plan = untrained.plan("results/train/lite1+harmonized.json")
    assert jobs(plan, "stimuli") == {"scenes_fit"} and jobs(plan, "maps_read") == {"held_out"}


def test_a_finished_study_trains_nothing(study):
    assert study.plan() == set()


@pytest.mark.parametrize(
    ("old", "new", "retrained"),
    [
        ("\t20\n", "\t25\n", {"lite0+none", "lite0+harmonized", "lite0+twice"}),
        ("lite1_80\theld_out\n", "lite1_80\theld_out\t\t\t\tgala\n", {"lite1+harmonized"}),
        ("lite1_80\theld_out\n", "lite1_80\tmasks\n", {"lite1+harmonized"}),
        ("\tlite0+none\t", "\tlite0\t", set()),
    ],
    ids=["steps", "supervision", "maps", "baseline"],
)
def test_a_changed_column_of_a_recipe_retrains_that_model_and_what_is_based_on_it(study, old, new, retrained):
    study.edit(SHEET, old, new)
    plan = study.plan()
    assert jobs(plan, "train_fit") == models(plan) == retrained
    assert jobs(plan, "features") == jobs(plan, "accuracy") == retrained
    assert {"train_rows", "scores"} <= {job[0] for job in plan}


def test_a_changed_setting_of_all_retrains_the_rows_that_do_not_override_it(study):
    study.edit("config/config.yaml", "steps: 30", "steps: 40")
    assert jobs(study.plan(), "train_fit") == TRAINED - {"lite0+none", "lite0+harmonized"}


def test_a_changed_map_set_retrains_the_models_trained_on_it(study):
    study.edit(MAPS, "scenes\t1\t", "scenes\t0.9\t")
    plan = study.plan()
    assert jobs(plan, "maps_read") == {"masks"}
    assert jobs(plan, "train_fit") == {"lite0+none", "lite0+harmonized", "lite0+twice"}
    assert models(plan) == jobs(plan, "train_fit")


def test_another_set_to_score_is_compared_with_what_was_trained_on_and_trains_nothing(study):
    study.edit("config/config.yaml", "[photographs, scenes]", "[photographs, scenes, scenes_fit]")
    plan = study.plan()
    assert jobs(plan, "train_apart") == {"lite0+twice", "lite1+harmonized"}  # the others are compared on it
    assert jobs(plan, "train_fit") == set()


def test_images_that_are_trained_and_scored_leave_no_scores(study):
    study.append(SHEET, "lite1+none\tlite1_80\theld_out\t\t\t\tnone")
    failed = study.run(check=False, STAND_IN_FAILS="results/train/apart/lite1+none.json")
    assert failed.returncode and "train_apart" in failed.stderr
    assert "scores" in {job[0] for job in study.plan()}


def test_another_row_trains_one_model_and_leaves_the_others_alone(study):
    study.append(SHEET, "lite1+none\tlite1_80\theld_out\t\t\t\tnone")
    plan = study.plan()
    assert jobs(plan, "train_fit") == jobs(plan, "features") == {"lite1+none"}
    assert models(plan) == set()


def test_another_row_of_the_model_sheet_trains_nothing(study):
    study.edit("config/config.yaml", "[lite0, lite1_80]", "[lite0, lite1_80, lite2_112]")
    plan = study.plan()
    assert jobs(plan, "models_card") == {"lite2_112"} and jobs(plan, "train_fit") == set()
