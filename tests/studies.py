"""Small studies that several tests load: their sheets, and what timm would know of their models."""

from __future__ import annotations

import copy
from pathlib import Path

from visalign.study.study import Study

DATA_CONFIG = {
    "input_size": [3, 160, 160],
    "mean": [0.5, 0.4, 0.3],
    "std": [0.2, 0.2, 0.2],
    "crop_pct": 0.95,
    "crop_mode": "center",
    "interpolation": "bicubic",
}
#: Three models, two of them of ImageNet's labels.
SMALL = {
    "models": "model\tarchitecture\tweights\tsource\tinput_size\tlabel_space\n"
    "a\ttest_resnet\trandom\t0\t\t\nb\ttest_resnet\trandom\t1\t64\t\nc\ttest_resnet\trandom\t2\t\tscenes-8\n",
    "stimuli": "stimuli\tsource\tlabel_space\ttransform\n"
    "photographs\tphotographs\timagenet-1k\t\nscenes\tscenes\tscenes-8\tresize\nplain\tscenes\t\t\n",
    "recordings": "recording\treader\tpath\tstimuli\tsimulated\nit\tassembly\tit.nc\tscenes\ttrue\n",
    "maps": "maps\treader\tpath\tstimuli\nclickme\ttfrecord\t*.tfrecords\tphotographs\n",
}
#: Two bases and four trained models.
TRAINED = {
    "models": "model\tarchitecture\tweights\tsource\tfamily\tinput_size\tcrop_pct\tcrop_mode\tinterpolation\t"
    "layers\ttraining_data\tparameters\n"
    "a\ttest_resnet\trandom\t0\tresnets\t96\t0.9\tsquash\tbilinear\tlayer1,layer2\timagenet\t1000\n"
    "b\ttest_vit\trandom\t1\n",
    "train": "model\tbase\tmaps\tstimuli\tvalidation\tbaseline\tfamily\tinput_size\tsteps\t"
    "supervision\tshare\n"
    "a+none\ta\tclickme\tphotographs\t\t\t\t\t\tnone\n"
    "a+harmonized\ta\tclickme\tphotographs\theld_out\ta\tharmonized\t64\t50\n"
    "b+harmonized\tb\tmasks\t\t\tb\n"
    "a+twice\ta+harmonized\tclickme\n",
    "stimuli": "stimuli\tsource\tlabel_space\n"
    "photographs\tphotographs\timagenet-1k\nscenes\tscenes\tscenes-8\nplain\tscenes\t\n",
    "recordings": "recording\treader\tpath\tstimuli\nit\tassembly\tit.nc\tscenes\n",
    "maps": "maps\treader\tpath\tstimuli\nclickme\ttfrecord\t*.tfrecords\tphotographs\n"
    "held_out\ttfrecord\t*.tfrecords\tphotographs\nmasks\tmasks\tscenes.csv\tscenes\n"
    "unlabelled\tmasks\tplain.csv\tplain\n",
}


def write(sheets: dict[str, str]) -> dict:
    """Write sheets into this folder; returns the config that names them."""
    for name, text in sheets.items():
        Path(f"{name}.tsv").write_text(text)
    return {name: {"sheet": f"{name}.tsv"} for name in sheets}


def load(config: dict) -> Study:
    return Study.load(copy.deepcopy(config), "study.yaml", "cache.json")


def edit(sheet: str, old: str, new: str) -> None:
    """Replace the first such text of a sheet, which must hold it."""
    text = Path(f"{sheet}.tsv").read_text()
    assert old in text
    Path(f"{sheet}.tsv").write_text(text.replace(old, new, 1))
