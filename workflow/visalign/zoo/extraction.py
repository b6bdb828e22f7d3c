"""One pass of a network over stored stimuli: activations of all chosen layers and the logits, resumable."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import zarr
from torch import Tensor, nn
from tqdm import tqdm

from visalign.errors import InputError
from visalign.io import stores
from visalign.zoo import compilation, deviation, fusion, network, pooling
from visalign.zoo import layers as layers_of
from visalign.zoo import pixels as batches
from visalign.zoo.activations import Recorded, recorded
from visalign.zoo.card import ModelCard
from visalign.zoo.device import device
from visalign.zoo.feature_writer import FeatureWriter, Overflow
from visalign.zoo.pools import array_of

#: Stimuli on which a network with fused batch norms is compared with the network, and how much a layer may
#: differ (`zoo.deviation`).
COMPARED, FUSED_TOLERANCE = 8, 1e-6
#: The same of a compiled forward pass, by type of its convolutions: each keeps other intermediate results in
#: float32.
COMPILED_TOLERANCE = {"off": 1e-5, "float16": 1e-2, "bfloat16": 1e-1}


class Pass:
    """One pass of a model over a stimulus set, into a partial store.

    Parameters
    ----------
    card : dict
        Of the model.
    weights : str
        Its safetensors.
    layers : str or None
        Comma-separated names, or ``auto``; None: only logits.
    dtype, autocast : str
        As on the command line.
    fuse, compile : bool
        Whether batch norms are fused into convolutions, and the forward pass is compiled.
    pools : sequence of str
        Ways in which layers are kept pooled too, see `zoo.pooling`.
    whole : bool
        Whether layers are kept as they are.
    """

    def __init__(
        self,
        card: ModelCard,
        weights: str,
        *,
        layers: str | None,
        dtype: str,
        autocast: str,
        fuse: bool = False,
        compile: bool = False,
        pools: Sequence[str] = (),
        whole: bool = True,
    ) -> None:
        self.card, self.dtype, self.autocast, self.fuse, self.compile = card, dtype, autocast, fuse, compile
        self.size = tuple(card["data_config"]["input_size"][1:])
        self.use(network.load(card, weights))
        self.shapes = layers_of.layer_shapes(self.model, layers, self.size) if layers else {}
        self.tokens = layers_of.token_layout(self.model)
        self.axes = {
            name: layers_of.dimensions(self.model, name, shape) for name, shape in self.shapes.items()
        }
        self.pools, self.whole, self.not_pooled = tuple(pools), whole, dict[str, str]()

    def use(self, model: nn.Module) -> None:
        """Take a network for the forward passes."""
        self.model = model
        self.normalise = network.Normalised(model, self.card["data_config"]).normalise

    def described(self) -> dict[str, object]:
        """What a store says of the pass that filled it."""
        return {
            "layers": [*self.arrays()],
            "dtype": self.dtype,
            "autocast": self.autocast,
            "fuse": self.fuse,
            "compile": self.compile,
            "device": str(device()),
            **self.tokens,
            **({"not_pooled": self.not_pooled} if self.not_pooled else {}),
        }

    def arrays(self) -> dict[str, tuple[str, ...]]:
        """Dimension names of all arrays of the store: layers, their pools, logits.

        What cannot be pooled is left out, said, and kept in `not_pooled` with the reason.
        """
        found: dict[str, tuple[str, ...]] = {}
        for layer, shape in self.shapes.items():
            axes = self.axes[layer]
            if self.whole or len(shape) == 1:
                found[layer] = axes
            for pool in self.pools if len(shape) > 1 else ():
                name = array_of(layer, pool)
                if reason := pooling.unpoolable(shape, layers_of.names_of(axes), pool, self.tokens):
                    self.not_pooled[name] = reason
                else:
                    found[name] = ("stimulus", f"{name}_channel")
        return found | {"logits": ("stimulus", "logits_channel")}

    def pool(self, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Pool the layers of a batch; those that are not kept as they are leave."""
        for layer, shape in self.shapes.items() if self.pools else ():
            if len(shape) == 1:
                continue
            values = outputs[layer] if self.whole else outputs.pop(layer)
            for pool in self.pools:
                name = array_of(layer, pool)
                if name not in self.not_pooled:
                    axes = layers_of.names_of(self.axes[layer])
                    outputs[name] = pooling.pooled(values, axes, pool, self.tokens)
        return outputs

    @contextmanager
    def recording(self) -> Iterator[Recorded]:
        """Record the layers of each forward pass of the block, in the type of convolutions asked for."""
        on = self.autocast != "off"
        autocast = torch.autocast(device().type, getattr(torch, self.autocast) if on else None, enabled=on)
        with autocast, recorded(self.model, self.shapes) as shown:
            yield shown

    def first(self, pixels: zarr.Array, count: int) -> Tensor:
        """Input of the network for the first stimuli."""
        return next(batches.pixel_batches(pixels, min(count, pixels.shape[0]), prepare=self.normalise))[1]

    def fuse_norms(self, pixels: zarr.Array, group: zarr.Group) -> None:
        """Fuse batch norms into convolutions unless a layer, or the logits, then differs too much.

        What is found on the first stimuli stands in the store, so that a pass that is resumed goes on
        as it began: `fused`, how many were fused, and `not_fused`, why none was.
        """
        found = fusion.pairs(self.model, list(self.shapes), self.size)
        model = fusion.fused(self.model, found)
        if stores.attribute(group, "fused") is None:
            reason = self.refused(model, pixels)
            group.attrs.update({"fused": 0, "not_fused": reason} if reason else {"fused": len(found)})
        if stores.attribute(group, "fused"):
            self.use(model)

    def refused(self, model: nn.Module, pixels: zarr.Array) -> str:
        """Why a network with fused batch norms is not used; '' where it is."""
        batch = self.first(pixels, COMPARED)
        by = deviation.largest(self.outputs(model, batch), self.outputs(self.model, batch))
        if by.size <= FUSED_TOLERANCE:
            return ""
        reason = f"{by}, more than {FUSED_TOLERANCE:.0e}"
        print(f"fuse: batch norms of {self.card['model']} are not fused: {reason}", file=sys.stderr)
        return reason

    def outputs(self, model: nn.Module, batch: Tensor) -> dict[str, Tensor]:
        """Outputs of all layers and the logits of a batch, in float32 whatever the type of convolutions."""
        with recorded(model, self.shapes) as shown:
            return shown(batch)

    def compile_forward(self, shown: Recorded, pixels: zarr.Array, rows: int) -> None:
        """Let the forward passes of the block be compiled.

        Raises
        ------
        InputError
            The network cannot be compiled, or a layer, or the logits, of the first batch then differs
            too much.
        """
        batch, architecture = self.first(pixels, rows), self.card["architecture"]
        expected = shown(batch)
        with compilation.refused(architecture):
            shown.forward = compilation.compiled(self.model, rows)
            found = shown(batch)
        by, most = deviation.largest(found, expected), COMPILED_TOLERANCE[self.autocast]
        if by.size > most:
            raise InputError(
                f"compile: {architecture}: {by} when compiled, more than {most:.0e}; --compile false runs it "
                "as it is"
            )

    def batch_size(self, shown: Recorded, n_stimuli: int) -> int:
        """Batch size for this device, model and layers."""
        if device().type == "cpu":
            values = sum(math.prod(shape) for shape in self.shapes.values()) + 3 * math.prod(self.size)
            return min(batches.cpu_batch_size(4 * values), n_stimuli)
        held: dict[str, Tensor] = {}  # of the batch before, as while it is written

        def forward(pixels: Tensor) -> None:
            held.update(shown(self.normalise(pixels)))

        return batches.gpu_batch_size(
            lambda size: batches.stimuli_per_second(forward, size, self.size), n_stimuli
        )

    def extract(
        self, shown: Recorded, pixels: zarr.Array, group: zarr.Group, rows: int
    ) -> dict[str, stores.Digest]:
        """Fill the partial store from its last complete batch on.

        Parameters
        ----------
        shown : Recorded
            The network, in a block of `recording`.
        rows : int
            Stimuli a batch.

        Returns
        -------
        dict of str to hashlib digest
            Of each array's content.

        Raises
        ------
        InputError
            An activation is not finite, with the layer's name.
        visalign.zoo.feature_writer.Overflow
            Layers that need float32.
        """
        dimensions = self.arrays()
        # Pooled layers are small.
        pooled = [name for name in dimensions if name not in self.shapes]
        wide = {*stores.attribute(group, "float32_layers", []), *pooled}
        narrow = getattr(torch, self.dtype)
        dtypes = {name: torch.float32 if name in wide else narrow for name in dimensions}
        writer = FeatureWriter(group, pixels.shape[0], rows, dimensions, dtypes)
        bar = tqdm(
            total=pixels.shape[0],
            initial=writer.complete,
            desc=f"features {self.card['model']}",
            unit="image",
        )
        with bar:
            for stimuli, batch in batches.pixel_batches(pixels, rows, writer.complete, self.normalise):
                writer.submit(stimuli, self.pool(shown(batch)))
                bar.update(len(batch))
            writer.wait()
        return writer.digests


def record(work: Pass, pixels: zarr.Array, group: zarr.Group, rows: int | None) -> dict[str, stores.Digest]:
    """Extract into the partial store, again where float16 turns out too narrow for a layer.

    Starting again keeps the store the same whenever a run was interrupted. It happens at most once
    a layer, and nearly always in the first batch.
    """
    if work.fuse:
        work.fuse_norms(pixels, group)
    with work.recording() as shown:
        rows = rows or stores.attribute(group, "batch_size") or work.batch_size(shown, pixels.shape[0])
        group.attrs["batch_size"] = rows
        if work.compile:
            work.compile_forward(shown, pixels, min(rows, pixels.shape[0]))
        while True:
            try:
                return work.extract(shown, pixels, group, rows)
            except Overflow as overflow:
                wide = sorted({*stores.attribute(group, "float32_layers", []), *overflow.layers})
                group.attrs.update({"float32_layers": wide, "complete": 0})
                print(f"beyond float16, so kept in float32: {overflow}; starting again", file=sys.stderr)
