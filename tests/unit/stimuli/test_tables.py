"""Claims about tables of stimulus sets: their labels, and whether a store is of the same stimuli."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from visalign.errors import InputError
from visalign.io import stores
from visalign.stimuli import tables


@pytest.mark.parametrize(("label", "shown"), [(8, "8"), (-1, "-1"), (None, "nan")])
def test_a_label_outside_the_models_outputs_is_named_with_its_stimulus(label, shown):
    table = pd.DataFrame({"stimulus_id": ["a", "b"], "label": [0, label]})
    with pytest.raises(InputError, match=rf"t\.csv: label: {shown}(\.0)? of 'b' is not in 0\.\.7"):
        tables.labels(table, 8, "t.csv")


def test_labels_within_the_models_outputs_are_whole_numbers():
    table = pd.DataFrame({"stimulus_id": ["a", "b"], "label": [0.0, 7.0]})
    labels = tables.labels(table, 8, "t.csv")
    assert labels.dtype == np.int64 and labels.tolist() == [0, 7]


@pytest.mark.parametrize("ids", [["a", "c"], ["b", "a"], ["a"], ["a", "b", "c"]])
def test_a_store_of_other_stimuli_or_another_order_is_refused(tmp_path, ids):
    group = stores.open_partial(tmp_path / "x.zarr", {})
    stores.write_strings(group, "stimulus_id", ["a", "b"], "stimulus")
    with pytest.raises(InputError, match=r"x\.zarr: stimulus_id"):
        tables.check_ids(group, pd.DataFrame({"stimulus_id": ids}), "x.zarr")
    tables.check_ids(group, pd.DataFrame({"stimulus_id": ["a", "b"]}), "x.zarr")
