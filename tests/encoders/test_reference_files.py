"""Official state dictionaries that are not whole, or of networks that we do not have: each is refused in words."""

import pytest
import torch

from microgesture.encoders import create_encoder, load_reference
from microgesture.errors import RecipeError

HEADS = {"i3d": ("logits.conv3d", (1, 1, 1)), "r2plus1d_18": ("fc", ())}


@pytest.fixture(scope="module", params=HEADS)
def official(request):
    """An encoder whose own names are the official ones, its state with a head of 5 classes, and the head's name."""
    encoder = create_encoder(request.param)
    head, ones = HEADS[request.param]
    heads = {f"{head}.weight": torch.zeros(5, encoder.width, *ones), f"{head}.bias": torch.arange(5.0)}
    return encoder, {**encoder.state_dict(), **heads}, head


@pytest.mark.parametrize("part", ["weight", "bias"])
def test_a_head_that_lacks_a_part_is_refused_and_nothing_is_loaded(official, part):
    encoder, state, head = official
    assert load_reference(encoder, state).head.bias.tolist() == [0, 1, 2, 3, 4]
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    changed = {key: value + 1 for key, value in state.items() if key != f"{head}.{part}"}
    with pytest.raises(RecipeError, match=f"hold a head without its {part}"):
        load_reference(encoder, changed)
    assert all(torch.equal(before[key], value) for key, value in encoder.state_dict().items())


def test_a_head_of_another_shape_is_refused(official):
    encoder, state, head = official
    with pytest.raises(RecipeError, match=r"bias \(4,\), not \(K, \d+\) and \(K,\)"):
        load_reference(encoder, {**state, f"{head}.bias": torch.zeros(4)})
    with pytest.raises(RecipeError, match=r"weight \(5, 7\)"):
        load_reference(encoder, {**state, f"{head}.weight": torch.zeros(5, 7)})


def tsm_state() -> dict[str, torch.Tensor]:
    encoder = create_encoder("tsm", depth=18)
    state = {encoder._official(key): value for key, value in encoder.state_dict().items()}
    return {**state, "new_fc.weight": torch.zeros(5, 512), "new_fc.bias": torch.zeros(5)}


def test_official_files_of_networks_that_we_do_not_have_are_refused():
    """What `docs/encoders.md` lists as not loading."""
    state = tsm_state()
    load_reference(create_encoder("tsm", depth=18), state)
    flow = torch.zeros(64, 10, 7, 7)
    others = {
        "non-local blocks": ({**state, "base_model.layer2.1.theta.weight": torch.zeros(64, 128, 1, 1)}, "unknown"),
        "optical flow": ({**state, "base_model.conv1.weight": flow}, r"conv1\.weight is \(64, 10, 7, 7\)"),
        "MobileNetV2": ({"base_model.features.2.conv.0.net.weight": torch.zeros(96, 16, 1, 1)}, "missing|no head"),
        "no shift": ({key.replace(".net.", "."): value for key, value in state.items()}, "no temporal shift"),
    }
    for given, words in others.values():
        with pytest.raises(RecipeError, match=words):
            load_reference(create_encoder("tsm", depth=18), given)
    i3d = create_encoder("i3d")
    heads = {"logits.conv3d.weight": torch.zeros(5, 1024, 1, 1, 1), "logits.conv3d.bias": torch.zeros(5)}
    motion = {"Conv3d_1a_7x7.conv3d.weight": torch.zeros(64, 2, 7, 7, 7)}
    with pytest.raises(RecipeError, match=r"Conv3d_1a_7x7\.conv3d\.weight is \(64, 2, 7, 7, 7\)"):
        load_reference(i3d, {**i3d.state_dict(), **heads, **motion})
    trn = {"base_model.Mixed_7c.branch1x1.conv.weight": torch.zeros(320, 2048, 1, 1)}  # InceptionV3: Moments in Time
    heads = {"consensus.classifier.3.weight": torch.zeros(5, 512), "consensus.classifier.3.bias": torch.zeros(5)}
    with pytest.raises(RecipeError, match="the weights do not fit 'trn'"):
        load_reference(create_encoder("trn"), {**trn, **heads})
