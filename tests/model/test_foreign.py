"""Weights of other programs: what is taken, what is left at random, what is refused; and nothing runs."""

import json
import pickle
import random
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tests.model.foreign_weights import filled, wave
from unet_studio.core.errors import StudioError
from unet_studio.core.model_card import Architecture
from unet_studio.model import Network, build_network, load_foreign, read_state, weights_file
from unet_studio.model.encoder_unet import EncoderUNet

# Written by tests.oracles.smp_unets, with segmentation_models.pytorch itself.
SMP = json.loads(Path(__file__).with_name("smp_unets.json").read_text(encoding="utf-8"))
SMALL = {"decoder": (16, 8, 8, 4, 4)}
Shapes = dict[str, list[int]]


def network(name: str, outputs: int = 2, inputs: int = 3, **options: object) -> Network:
    torch.manual_seed(1)
    return build_network(Architecture(name, inputs, outputs, options)).eval()


def written(path: Path, state: dict[str, torch.Tensor], prefix: str = "", wrapper: str = "") -> Path:
    named = {prefix + key: tensor for key, tensor in state.items()}
    if path.suffix == ".safetensors":
        save_file({key: tensor.contiguous() for key, tensor in named.items()}, path)
    else:
        torch.save({wrapper: named, "epoch": 3} if wrapper else named, path)
    return path


def part(shapes: Shapes, prefix: str) -> Shapes:
    """What has a prefix, without it."""
    return {key.removeprefix(prefix): shape for key, shape in shapes.items() if key.startswith(prefix)}


# segmentation_models.pytorch


@pytest.mark.parametrize(
    ("smp", "ours", "file", "prefix", "wrapper"),
    [
        ("resnet18", "unet-resnet18", "w.pth", "", ""),
        ("resnet18", "unet-resnet18", "w.safetensors", "net.unet.", ""),
        ("tu-tf_efficientnet_lite0", "unet-efficientnet-lite0", "w.ckpt", "model.", "state_dict"),
        ("tu-efficientnet_b0", "unet-efficientnet-b0", "w.pt", "module.", "model_state_dict"),
    ],
)
def test_a_unet_of_smp_gives_the_answer_that_it_gave_there(tmp_path, smp, ours, file, prefix, wrapper):
    path = written(tmp_path / file, filled(SMP[smp]["shapes"]), prefix, wrapper)
    made = network(ours)
    taken = load_foreign(made, path)
    with torch.inference_mode():
        logits = made(wave((1, 3, 64, 96), 0))[0, :, range(64), range(64)].flatten()
    expected = torch.tensor(SMP[smp]["logits"])
    assert expected.std() > 0.5
    assert (logits - expected).abs().max() < 1e-3
    assert taken.head
    assert "of the encoder" in taken.notes[0]
    assert "At random" not in taken.notes[0]


def test_other_outputs_start_anew(tmp_path):
    path = written(tmp_path / "w.pth", filled(SMP["resnet18"]["shapes"]))
    made = network("unet-resnet18", outputs=5)
    before = made.head.weight.clone()
    taken = load_foreign(made, path)
    assert not taken.head
    assert torch.equal(made.head.weight, before)
    assert "100 tensors of the encoder, 50 tensors of the decoder. At random: the head (2 tensors)." in str(
        taken
    )


@pytest.mark.parametrize(
    ("smp", "ours", "remark"),
    [
        ("vgg16_bn", "unet-vgg16-bn", "decoder has other layers"),
        ("timm-efficientnet-b0", "unet-efficientnet-b0", "decoder has other layers"),
    ],
)
def test_of_another_decoder_only_the_encoder_is_taken(tmp_path, smp, ours, remark):
    state = filled(SMP[smp]["shapes"])
    made = network(ours)
    fresh = {key: value.clone() for key, value in made.state_dict().items()}
    taken = load_foreign(made, written(tmp_path / "w.pth", state))
    assert remark in taken.notes[0]
    changed = {key for key, value in made.state_dict().items() if not torch.equal(value, fresh[key])}
    assert changed
    assert all(key.startswith("encoder.") for key in changed)


@pytest.mark.parametrize("options", [SMALL, {"normalisation": "group"}, {"normalisation": "none"}])
def test_a_decoder_that_was_chosen_otherwise_is_left_out(tmp_path, options):
    made = network("unet-resnet18", **options)
    taken = load_foreign(made, written(tmp_path / "w.pth", filled(SMP["resnet18"]["shapes"])))
    assert "was left out" in taken.notes[0]
    assert not taken.head


def test_grey_images_take_the_sum_of_the_colours(tmp_path):
    state = filled(SMP["resnet18"]["shapes"])
    made = network("unet-resnet18", inputs=1)
    load_foreign(made, written(tmp_path / "w.pth", state))
    expected = state["encoder.conv1.weight"].sum(dim=1, keepdim=True)
    torch.testing.assert_close(made.state_dict()["encoder.conv1.weight"], expected)


# timm, efficientnet_pytorch, torchvision


@pytest.mark.parametrize(
    ("smp", "ours"),
    [("tu-tf_efficientnet_lite0", "unet-efficientnet-lite0"), ("tu-efficientnet_b0", "unet-efficientnet-b0")],
)
def test_a_classifier_of_timm_gives_its_encoder(tmp_path, smp, ours):
    shapes = part(SMP[smp]["shapes"], "encoder.model.")
    classifier = {"conv_head.weight": [8, 320, 1, 1], "bn2.weight": [8], "classifier.weight": [10, 8]}
    made, other = network(ours, **SMALL), network(ours)
    taken = load_foreign(made, written(tmp_path / "timm.pth", filled(shapes | classifier)))
    load_foreign(other, written(tmp_path / "smp.pth", filled(SMP[smp]["shapes"])))
    assert "timm's names" in taken.notes[0]
    assert "At random: the decoder (50 tensors), the head (2 tensors)." in taken.notes[0]
    for key, value in made.encoder.state_dict().items():
        assert torch.equal(value, other.encoder.state_dict()[key])


def test_the_names_of_efficientnet_pytorch_are_known(tmp_path):
    """The same blocks, counted through, whose padding differs: said, not hidden."""
    to_original = {
        "conv_stem": "_conv_stem",
        "conv_dw": "_depthwise_conv",
        "conv_pwl": "_project_conv",
        "conv_reduce": "_se_reduce",
        "conv_expand": "_se_expand",
    }
    made, other = network("unet-efficientnet-b0"), network("unet-efficientnet-b0")
    state = filled(SMP["tu-efficientnet_b0"]["shapes"])
    load_foreign(other, written(tmp_path / "smp.pth", state))
    starts = [0, 1, 3, 5, 8, 11, 15]
    renamed = {}
    for key, tensor in state.items():
        if not key.startswith("encoder.model."):
            continue
        *path, layer, last = key.removeprefix("encoder.model.").split(".")
        if not path:
            renamed[f"{ {'conv_stem': '_conv_stem', 'bn1': '_bn0'}[layer] }.{last}"] = tensor
            continue
        stage, block = int(path[1]), int(path[2])
        name = (
            to_original.get(layer)
            or {
                True: {"conv_pw": "_project_conv", "bn1": "_bn1", "bn2": "_bn2"},
                False: {"conv_pw": "_expand_conv", "bn1": "_bn0", "bn2": "_bn1", "bn3": "_bn2"},
            }[stage == 0][layer]
        )
        renamed[f"_blocks.{starts[stage] + block}.{name}.{last}"] = tensor
    taken = load_foreign(made, written(tmp_path / "lukemelas.pth", renamed))
    assert "pads its input otherwise" in taken.notes[0]
    for key, value in made.encoder.state_dict().items():
        assert torch.equal(value, other.encoder.state_dict()[key])


def test_a_copy_in_smp_that_pads_otherwise_is_said(tmp_path):
    shapes = part(SMP["tu-tf_efficientnet_lite0"]["shapes"], "encoder.model.")
    state = filled({f"encoder.{key}": shape for key, shape in shapes.items()})
    taken = load_foreign(network("unet-efficientnet-lite0"), written(tmp_path / "w.pth", state))
    assert "pads its input otherwise" in taken.notes[0]


@pytest.mark.parametrize(
    ("builder", "ours"),
    [
        ("resnet18", "unet-resnet18"),
        ("resnet50", "unet-resnet50"),
        ("efficientnet_b0", "unet-efficientnet-b0"),
        ("efficientnet_b1", "unet-efficientnet-b1"),
    ],
)
def test_a_classifier_of_torchvision_gives_its_encoder(tmp_path, builder, ours):
    from torchvision.models import get_model

    original = get_model(builder, weights=None)
    made = network(ours, **SMALL)
    taken = load_foreign(made, written(tmp_path / "w.pth", original.state_dict()))
    state = original.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in made.encoder.state_dict().items())
    assert "torchvision's names" in taken.notes[0]


def test_files_without_counters_are_taken(tmp_path):
    """As those of PyTorch before 0.4.1, some of which are still on its server."""
    state = filled(SMP["resnet18"]["shapes"])
    old = {key: tensor for key, tensor in state.items() if not key.endswith("num_batches_tracked")}
    assert load_foreign(network("unet-resnet18"), written(tmp_path / "w.pth", old)).head


def test_two_networks_in_one_file_are_not_chosen_from(tmp_path):
    state = filled(SMP["resnet18"]["shapes"])
    both = {f"{name}.{key}": tensor for name in ("model", "ema") for key, tensor in state.items()}
    with pytest.raises(StudioError, match=r"more than one resnet18: 'model\.encoder\.', 'ema\.encoder\.'"):
        load_foreign(network("unet-resnet18"), written(tmp_path / "w.ckpt", both))


@pytest.mark.parametrize(("smp", "ours"), [("resnet18", "unet-resnet34"), ("vgg16_bn", "unet-resnet18")])
def test_another_network_is_refused_whole(tmp_path, smp, ours):
    made = network(ours, **SMALL)
    before = {key: value.clone() for key, value in made.state_dict().items()}
    with pytest.raises(StudioError, match="doesn't hold an encoder") as caught:
        load_foreign(made, written(tmp_path / "w.pth", filled(SMP[smp]["shapes"])))
    assert "network=" in caught.value.remedy
    assert all(torch.equal(value, before[key]) for key, value in made.state_dict().items())


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    state = filled(SMP["resnet18"]["shapes"])
    state["encoder.layer1.0.conv1.weight"][0, 0, 0, 0] = torch.nan
    with pytest.raises(StudioError, match="no numbers"):
        load_foreign(network("unet-resnet18"), written(tmp_path / "w.pth", state))


def test_half_precision_is_taken(tmp_path):
    state = {key: tensor.half() for key, tensor in filled(SMP["resnet18"]["shapes"]).items()}
    made = network("unet-resnet18")
    load_foreign(made, written(tmp_path / "w.pth", state))
    assert {tensor.dtype for tensor in made.parameters()} == {torch.float32}


@pytest.mark.parametrize("name", ["unet-efficientnet-lite0", "unet-vgg16", "unet"])
def test_weights_of_this_program_without_their_card_are_taken(tmp_path, name):
    options = {"depth": 2, "channels": 4} if name == "unet" else SMALL
    source, made = network(name, **options), network(name, outputs=7, **options)
    state = filled({key: list(value.shape) for key, value in source.state_dict().items() if value.dim()})
    taken = load_foreign(made, written(tmp_path / "model.safetensors", state))
    assert "made by this program" in taken.notes[0]
    assert not taken.head
    for key, value in made.state_dict().items():
        assert key.startswith("head.") or torch.equal(value, state[key])


# Plain U-Nets, in the order in which their authors make their layers


def double(before: int, after: int, inner: int = 0, norms: int = 2, bias: bool = False) -> nn.Sequential:
    """Two convolutions, as most write-ups have them."""
    layers: list[nn.Module] = []
    for number, (a, b) in enumerate(((before, inner or after), (inner or after, after))):
        layers += [nn.Conv2d(a, b, 3, padding=1, bias=bias)]
        layers += [nn.BatchNorm2d(b)] if number < norms else []
        layers += [nn.GELU(approximate="tanh") if norms == 1 else nn.ReLU()]
    return nn.Sequential(*layers)


class Foreign(nn.Module):
    """A U-Net of depth 2 with other names. order: in which its parts are registered."""

    def __init__(self, order: str, norms: int = 2, bias: bool = False, narrow: bool = False) -> None:
        super().__init__()
        wide, deep, inner = (8, 4, 9) if narrow else (16, 8, 0)
        made = {
            "d": ("contract", [double(3, 4, 0, norms, bias), double(4, 8, 0, norms, bias)]),
            "b": ("middle", [double(8, wide, 0, norms, bias)]),
            "u": ("grow", [nn.ConvTranspose2d(wide, 8, 2, 2), nn.ConvTranspose2d(deep, 4, 2, 2)]),
            "m": ("join", [double(16, deep, inner, norms, bias), double(8, 4, 0, norms, bias)]),
            "h": ("out", [nn.Conv2d(4, 2, 1)]),
        }
        for letter in order:
            if letter == "r":
                pairs = zip(made["u"][1], made["m"][1], strict=True)
                self.rise = nn.ModuleList(layer for pair in pairs for layer in pair)
            else:
                setattr(self, made[letter][0], nn.ModuleList(made[letter][1]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.contract[0](x)
        second = self.contract[1](nn.functional.max_pool2d(first, 2))
        x = self.middle[0](nn.functional.max_pool2d(second, 2))
        rise = (
            self.rise if hasattr(self, "rise") else [self.grow[0], self.join[0], self.grow[1], self.join[1]]
        )
        x = rise[1](torch.cat([second, rise[0](x)], dim=1))
        return self.out[0](rise[3](torch.cat([first, rise[2](x)], dim=1)))


PLAIN = {"depth": 2, "channels": 4}


@pytest.mark.parametrize("order", ["dbrh", "dbumh", "dbmuh", "drbh", "rdbh", "bdrh"])
@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({}, PLAIN),
        ({"norms": 0, "bias": True}, {**PLAIN, "normalisation": "none"}),
        ({"norms": 1}, {**PLAIN, "normalisations": 1, "activation": "gelu"}),
        ({"bias": True}, PLAIN),  # a bias that batch normalisation takes off again
        ({"narrow": True}, {**PLAIN, "bottleneck": 8, "decoder": (4, 4), "decoder_inner": (9, 4)}),
    ],
)
def test_a_plain_unet_gives_the_answer_that_it_gave_there(tmp_path, order, settings, options):
    theirs = Foreign(order, **settings).eval()
    shapes = {key: list(value.shape) for key, value in theirs.state_dict().items() if value.dim()}
    theirs.load_state_dict(filled(shapes))
    made = network("unet", **options)
    taken = load_foreign(made, written(tmp_path / "w.pth", theirs.state_dict()))
    x = wave((1, 3, 16, 24), 1)
    with torch.inference_mode():
        torch.testing.assert_close(made(x), theirs(x), rtol=1e-4, atol=1e-4)
    assert taken.head
    assert "skip connections come first" in taken.notes[0]


def test_a_plain_unet_of_other_classes_and_colours_keeps_the_rest(tmp_path):
    path = written(tmp_path / "w.pth", Foreign("dbrh").state_dict())
    made = network("unet", outputs=5, inputs=1, **PLAIN)
    taken = load_foreign(made, path)
    assert not taken.head
    assert "At random: the head (2 tensors)." in taken.notes[0]


@pytest.mark.parametrize(
    ("settings", "options", "message"),
    [
        ({}, {"depth": 3, "channels": 4}, "weights of"),
        ({}, {**PLAIN, "channels": 8}, "weights of"),
        ({}, {**PLAIN, "normalisation": "none"}, "normalised otherwise"),
        ({"norms": 1, "bias": True}, {**PLAIN, "normalisations": 1}, "has a bias"),
        ({}, {**PLAIN, "normalisation": "group"}, "normalised otherwise"),
        ({}, {**PLAIN, "upsampling": "bilinear"}, "weights of"),
    ],
)
def test_a_plain_unet_of_other_layers_is_refused(tmp_path, settings, options, message):
    path = written(tmp_path / "w.pth", Foreign("dbrh", **settings).state_dict())
    with pytest.raises(StudioError, match=message) as caught:
        load_foreign(network("unet", **options), path)
    assert "depth" in caught.value.remedy


def test_a_second_network_beside_it_is_refused(tmp_path):
    state = Foreign("dbrh").state_dict()
    both = {f"{name}.{key}": value for name in ("one", "two") for key, value in state.items()}
    with pytest.raises(StudioError, match=r"26 convolutions instead of 13"):
        load_foreign(network("unet", **PLAIN), written(tmp_path / "w.pth", both))


# Files that mean harm, or are broken


def refused(path: Path) -> StudioError:
    with pytest.raises(StudioError) as caught:
        load_foreign(network("unet", **PLAIN), path)
    assert caught.value.remedy
    return caught.value


def test_a_tensor_that_claims_more_than_the_file_holds_is_refused(tmp_path):
    huge = torch.zeros(1).expand(1_000_000, 1_000_000)
    torch.save({"a.weight": huge}, tmp_path / "w.pth")
    assert "claims more numbers" in refused(tmp_path / "w.pth").message


def test_an_archive_that_unpacks_to_more_than_it_is_is_refused(tmp_path):
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 10_000_000)
    assert "unpack to more" in refused(path).message


def test_a_file_larger_than_any_network_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(weights_file, "LARGEST_FILE", 100)
    (tmp_path / "w.pth").write_bytes(b"x" * 101)
    assert "more than any" in refused(tmp_path / "w.pth").message


@pytest.mark.parametrize("value", [torch.zeros(3).to_sparse(), torch.zeros(3, dtype=torch.complex64)])
def test_tensors_of_other_kinds_are_refused(tmp_path, value):
    torch.save({"a.weight": value}, tmp_path / "w.pth")
    assert "no plain tensor" in refused(tmp_path / "w.pth").message


def test_a_pickle_with_code_is_refused_in_plain_words(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    torch.save({"state_dict": Trap()}, tmp_path / "w.ckpt")
    assert "would execute code" in refused(tmp_path / "w.ckpt").message
    (tmp_path / "w.pt").write_bytes(pickle.dumps(Trap()))
    refused(tmp_path / "w.pt")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_broken_files_are_refused(tmp_path, suffix):
    """Cut off, with bytes changed, or of chance: never anything but a sentence."""
    path = written(tmp_path / f"w{suffix}", filled({"a.weight": [4, 3, 3, 3], "a.bias": [4]}))
    whole, chance = path.read_bytes(), random.Random(0)
    for _ in range(150):
        content = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            content[chance.randrange(min(len(content), 1200))] = chance.randrange(256)
        path.write_bytes(bytes(content[: chance.choice([len(content), chance.randrange(len(content))])]))
        with suppress(StudioError):  # a changed number is no broken file
            read_state(path)
    refused(tmp_path / f"gone{suffix}")


def test_only_networks_of_this_program_take_weights(tmp_path):
    assert isinstance(network("unet-resnet18", **SMALL), EncoderUNet)
    path = written(tmp_path / "w.pth", {"x": torch.zeros(2)})
    assert "not those of this network" in refused(path).message
