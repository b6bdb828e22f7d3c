import warnings
from pathlib import Path

import pytest
import timm
import torch

from visalign import cli
from visalign.errors import InputError
from visalign.zoo import ladders, network
from visalign.zoo import layers as layers_of

DOCUMENT = Path(__file__).parents[3] / "docs/layers.md"
#: Architectures of different families, at 128 pixels unless they have one size.
SWEPT = """
    resnet18 resnet50 resnext50_32x4d seresnet50 wide_resnet50_2 resnetv2_50 densenet121
    vgg11_bn vgg16 efficientnet_b0 tf_efficientnetv2_b0 mobilenetv2_100 mobilenetv3_small_100
    mobilenetv4_conv_small mnasnet_100 ghostnet_100 regnetx_002 regnety_002 nfnet_f0 dla34
    hrnet_w18_small inception_v4 inception_resnet_v2 xception41 convnext_tiny convnextv2_atto
    rexnet_100 res2net50_26w_4s selecsls42b cspresnet50 cspdarknet53 hardcorenas_a repvgg_a0
    lcnet_050 tinynet_e edgenext_xx_small fastvit_t8 poolformer_s12 vit_tiny_patch16_224
    deit_tiny_patch16_224 deit3_small_patch16_224 beit_base_patch16_224
    swin_tiny_patch4_window7_224 swinv2_tiny_window8_256 xcit_nano_12_p16_224 mobilevit_xxs
    maxvit_tiny_rw_224 coatnet_0_rw_224 eva02_tiny_patch14_224 pvt_v2_b0 tiny_vit_5m_224
    davit_tiny sequencer2d_s focalnet_tiny_srf inception_next_tiny starnet_s1 repvit_m0_9
    vovnet39a skresnet18 eca_resnet33ts lambda_resnet26t
""".split()
FIXED_SIZE = """
    cait_xxs24_224 mixer_s32_224 resmlp_12_224 gmlp_ti16_224 convit_tiny levit_128s volo_d1_224
    visformer_tiny hiera_tiny_224 efficientformer_l1 nest_tiny bat_resnext26ts halonet26t
    botnet26t_256 inception_v3
""".split()


def sized(architecture, size=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = timm.create_model(architecture).eval()
    size = (size, size) if size else tuple(model.pretrained_cfg["input_size"][1:])
    network.resize(model, size)
    return model, size


def test_layers_of_a_network_are_listed_with_shapes(capsys):
    cli.main(["list-layers", "tf_efficientnet_lite0"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [
        "bn1", *[f"blocks.{i}" for i in range(7)], "bn2", "pre_logits",
    ]  # fmt: skip
    assert lines[6].split() == [*"blocks.5 channel × y × x 192 × 7 × 7 9408".split()]


def test_every_leaf_can_be_listed(capsys):
    cli.main(["list-layers", "test_resnet", "--all", "--input-size", "64"])
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert "conv1.0" in listed or "conv1" in listed
    assert len(listed) > 10


def test_an_input_size_that_a_network_does_not_take_is_named(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["list-layers", "mixer_s32_224", "--input-size", "160"])
    assert stop.value.code == 2
    assert "error: input_size: MlpMixer does not take 160 × 160: Input height" in capsys.readouterr().err


def test_a_layer_that_is_not_called_is_left_out_of_the_ladder():
    model, size = sized("vit_srelpos_small_patch16_224", 224)
    found = layers_of.probe(model, ladders.ladder(model), size)
    assert found["shared_rel_pos"] == "is not called"
    assert list(layers_of.layer_shapes(model, "auto", size)) == [n for n in found if n != "shared_rel_pos"]


def swept(architecture: str, size: int | None) -> str:
    """Row of the table of an architecture: input size, layers, their axes."""
    model, input_size = sized(architecture, size)
    shapes = layers_of.layer_shapes(model, "auto", input_size)
    names = list(shapes)
    assert names[-1] == ladders.PRE_LOGITS
    axes = {
        " × ".join(d.split("_")[-1] for d in layers_of.dimensions(model, "x", shapes[n])[1:])
        for n in names[:-1]
    }
    layers = f"{len(names)}: {names[0]}, ..., {names[-2]}, {names[-1]}"
    return f"| {architecture} | {input_size[0]} | {layers} | {', '.join(sorted(axes))} |"


@pytest.mark.slow
def test_the_documented_sweep_of_architectures_is_what_happens():
    """docs/layers.md lists every architecture that was tried, with its layers."""
    rows = [swept(architecture, 128) for architecture in SWEPT]
    rows += [swept(architecture, None) for architecture in FIXED_SIZE]
    documented = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")]
    assert documented[1:] == sorted(rows), "\n".join(sorted(rows))


def test_a_network_without_layers_says_so():
    class Bare(torch.nn.Module):
        def forward(self, x):
            return x

    with pytest.raises(InputError, match="layers: no stages found in Bare; name layers in the model sheet"):
        layers_of.layer_shapes(Bare(), "auto", (64, 64))


def test_layers_of_a_callable_are_those_that_a_row_of_it_has(capsys):
    words = ["list-layers", "torchvision.models:squeezenet1_1"]
    with pytest.raises(SystemExit):
        cli.main(words)
    assert "--input-size: torchvision.models:squeezenet1_1 does not say which" in capsys.readouterr().err
    cli.main([*words, "--input-size", "64"])
    first = capsys.readouterr().out.splitlines()[0].split()
    assert first[0] == "features.2" and first[-1] == str(64 * 15 * 15)
