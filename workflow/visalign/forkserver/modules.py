"""What the servers import: what jobs would, and of this library what imports it."""

from __future__ import annotations

_BOTH = (
    "numpy",
    "pandas",
    "yaml",
    "tqdm",
    "zarr",
    "PIL.JpegImagePlugin",
    "PIL.PngImagePlugin",
    "visalign.cli",
)
#: Of jobs that read arrays.
ARRAYS = (
    *_BOTH,
    *("scipy.ndimage", "scipy.optimize", "scipy.signal", "scipy.special", "scipy.stats"),
    *("sklearn.model_selection", "xarray", "h5netcdf", "dask.array", "jinja2"),
    *("pandas.io.formats.csvs", "pyarrow.parquet", "contourpy"),
    *("matplotlib.figure", "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg"),
    *("visalign.stages.accuracy", "visalign.stages.attacks", "visalign.stages.clickme"),
    *("visalign.stages.figures", "visalign.stages.gram", "visalign.stages.maps", "visalign.stages.models"),
    *("visalign.stages.neural", "visalign.stages.preprocess", "visalign.stages.probes"),
    *("visalign.stages.recordings",),
    *("visalign.stages.report", "visalign.stages.simulate", "visalign.stages.stimuli"),
    *("visalign.stages.scores", "visalign.stages.trend", "visalign.stimuli.clickme"),
    *("visalign.maps.alignment", "visalign.maps.clicks", "visalign.neural.rows", "visalign.report.gallery"),
)
#: Of jobs that run a network.
NETWORK = (
    *_BOTH,
    *("torch", "timm", "torchvision", "safetensors.torch"),
    *("visalign.stages.attacks", "visalign.stages.clickme", "visalign.stages.features"),
    *("visalign.stages.models", "visalign.stages.saliency"),
    *("visalign.attacks.search", "visalign.maps.revelation", "visalign.zoo.extraction"),
    *("visalign.zoo.saliency", "visalign.zoo.checkpoints", "visalign.zoo.network"),
)
