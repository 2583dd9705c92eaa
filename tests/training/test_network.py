"""What a run starts from: weights of another program, or an encoder's from a file; and what it then says."""

import pytest
import torch

from tests.training.samples import make_run, write_folders
from training.engine import Interrupted, train
from training.network import make_network
from unet_studio.core.errors import StudioError
from unet_studio.core.events import Failed, Finished, Note, Progress, Validated
from unet_studio.core.model_card import Architecture, ModelClass, read_card
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.training_config import TrainingConfig
from unet_studio.model import build_network, load_model

CLASSES = (ModelClass(0, "background", "#000000"), ModelClass(1, "disc", "#ffffff"))
PLAIN = {"network": "unet", "depth": 2, "channels": 4, "normalisation": "batch"}
STILL = {"steps": 1, "evaluate_every": 1, "learning_rate": 1e-12, "weight_decay": 0.0, "ema": 0.0}


@pytest.fixture
def source(tmp_path):
    return write_folders(tmp_path / "data")


def follow(run: RunFolder, interrupted_at: int = -1) -> list:
    """The events of a run, which are kept as its process would; asks it to leave after a step."""
    events = []
    for event in train(run):
        run.emit(event)
        events.append(event)
        if isinstance(event, Progress) and event.step == interrupted_at:
            run.request("interrupt")
    return events


def notes(events: list) -> str:
    return " ".join(event.text for event in events if isinstance(event, Note))


@pytest.fixture
def checkpoint(tmp_path):
    """A plain U-Net as Lightning saves it."""
    torch.manual_seed(5)
    network = build_network(Architecture("unet", 3, 1, {"depth": 2, "channels": 4}))
    path = tmp_path / "epoch=3.ckpt"
    state = {f"net.unet.{key}": tensor for key, tensor in network.state_dict().items()}
    torch.save({"state_dict": state, "pytorch-lightning_version": "2.5.0", "epoch": 3}, path)
    return network, path


def test_a_run_starts_from_weights_of_another_program(tmp_path, source, checkpoint):
    network, path = checkpoint
    run = make_run(tmp_path / "run", source, **PLAIN, **STILL, init=str(path))
    events = follow(run)
    assert isinstance(events[-1], Finished)
    assert "From epoch=3.ckpt" in notes(events)
    # Its outputs may mean the classes: it is judged before it learns, as any model is.
    assert next(event for event in events if isinstance(event, Validated)).step == 0
    made = load_model(run.path, "cpu").network.state_dict()
    for key, value in network.named_parameters():
        torch.testing.assert_close(made[key], value.data, atol=1e-6, rtol=0)
    card = read_card(run.best)
    assert card.base == "epoch=3.ckpt"
    # Write-ups scale to 0..1 and nothing else.
    assert card.preprocessing.mean == (0.0,) * 3
    assert card.preprocessing.std == (1.0,) * 3


def test_a_resumed_run_needs_the_weights_no_more(tmp_path, source, checkpoint):
    _, path = checkpoint
    run = make_run(tmp_path / "run", source, **PLAIN, **{**STILL, "steps": 3}, init=str(path))
    with pytest.raises(Interrupted):
        follow(run, interrupted_at=1)
    run.clear_requests()
    path.unlink()
    assert run.last.is_file()
    resumed = follow(run)
    assert isinstance(resumed[-1], Finished)
    assert "epoch=3.ckpt" not in notes(resumed)


def test_weights_that_do_not_fit_end_the_run_with_a_remedy(tmp_path, source, checkpoint):
    _, path = checkpoint
    for number, (settings, told) in enumerate(
        [
            ({"init": str(path), **PLAIN, "depth": 3}, "are not those of this network"),
            ({"init": str(path), "network": "unet-resnet18"}, "doesn't hold an encoder resnet18"),
            ({"init": str(tmp_path / "gone.pth"), **PLAIN}, "can't be read"),
            ({"init": "imagenet", "encoder_weights": str(path), "network": "unet-resnet18"}, "resnet18"),
        ]
    ):
        last = follow(make_run(tmp_path / f"run {number}", source, **settings))[-1]
        assert isinstance(last, Failed)
        assert told in last.message
        assert last.remedy


def test_an_encoder_starts_from_a_file(tmp_path):
    from torchvision.models import resnet18

    state = resnet18(weights=None).state_dict()
    torch.save(state, tmp_path / "mine.pth")
    config = TrainingConfig(network="unet-resnet18", encoder_weights=str(tmp_path / "mine.pth"))
    beginning = make_network(config, Architecture("unet-resnet18", 3, 1), CLASSES, None)
    own = beginning.network.state_dict()
    assert torch.equal(own["encoder.layer3.0.conv1.weight"], state["layer3.0.conv1.weight"])
    assert "mine.pth" in beginning.notes[0]
    assert not beginning.knows_classes
    again = make_network(config, Architecture("unet-resnet18", 3, 1), CLASSES, None, resumed=True)
    assert again.notes == ()


def test_a_plain_network_has_no_weights_of_imagenet():
    with pytest.raises(StudioError, match="no ImageNet weights"):
        make_network(TrainingConfig(network="unet"), Architecture("unet", 3, 1), CLASSES, None)


def test_a_network_that_no_memory_holds_is_refused_before_it_is_made():
    architecture = Architecture("unet", 3, 1, {"depth": 7, "channels": 1024})
    with pytest.raises(StudioError, match=r"has [\d,]{14,} weights: .* GB are free") as caught:
        make_network(TrainingConfig(network="unet", init="random"), architecture, (), None)
    assert "fewer channels" in caught.value.remedy
