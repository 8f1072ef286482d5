"""PoseC3D: official key names and the official function, written plainly; what is drawn of a clip; it learns."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

import microgesture
from microgesture.commands.main import main
from microgesture.encoders import create_encoder, load_reference
from microgesture.encoders.slow_resnet import Bottleneck
from microgesture.errors import RecipeError
from microgesture.runs.configuration import load_recipe
from microgesture.runs.data import make_dataset, open_manifest
from microgesture.runs.run import load_run
from microgesture.skeletons.pyskl import write_pyskl
from microgesture.skeletons.track import SkeletonTrack
from microgesture.training.assembly import build_objective, open_options
from moving_joints import moving_track, write_pickle

SMALL = {"width": 8, "blocks": [2, 1, 1], "size": 32, "crop_size": 28}


def official_state(encoder, classes=60):
    """Random weights under PYSKL's names that keep the signal's size."""
    generator = torch.Generator().manual_seed(3)
    shapes = {key: value.shape for key, value in encoder.state_dict().items()}
    shapes |= {"cls_head.fc_cls.weight": (classes, encoder.width), "cls_head.fc_cls.bias": (classes,)}
    state = {}
    for key, shape in shapes.items():
        value = torch.randn(shape, generator=generator)
        if value.dim() == 5:
            value *= (2 / value[0].numel()) ** 0.5
        if key.endswith(("running_var", "bn.weight")):
            value = torch.rand(shape, generator=generator) + 0.5
        if key.endswith("conv3.bn.weight"):
            value *= 0.3  # thirteen sums must not grow without end
        state[key] = torch.tensor(7) if key.endswith("num_batches_tracked") else value
    return state


def plain_network(state, maps, blocks):
    """Logits of heat maps (B, K, T, H, W) in float64, from the weights by name."""
    state = {key: value.double() for key, value in state.items()}

    def conv(x, key, stride=(1, 1, 1), relu=True):
        weight = state[f"backbone.{key}.conv.weight"]
        x = F.conv3d(x, weight, None, stride, [(k - 1) // 2 for k in weight.shape[2:]])
        norm = [state[f"backbone.{key}.bn.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        x = F.batch_norm(x, *norm)
        return x.relu() if relu else x

    x = F.max_pool3d(conv(maps.double(), "conv1"), (1, 3, 3), 1, (0, 1, 1))
    for stage, count in enumerate(blocks, 1):
        for i in range(count):
            key, before = f"layer{stage}.{i}", x
            stride = (2 if stage == 3 else 1, 2, 2) if i == 0 else (1, 1, 1)
            x = conv(conv(conv(x, f"{key}.conv1"), f"{key}.conv2", stride), f"{key}.conv3", relu=False)
            x = (x + (conv(before, f"{key}.downsample", stride, False) if i == 0 else before)).relu()
    return x.mean((2, 3, 4)) @ state["cls_head.fc_cls.weight"].T + state["cls_head.fc_cls.bias"]


def test_parameters_and_names_are_official():
    encoder = create_encoder("posec3d")
    assert sum(p.numel() for p in nn.Sequential(encoder, nn.Linear(512, 60)).parameters()) == 2_024_860
    state = encoder.state_dict()
    assert len(state) == 258
    shapes = {key: tuple(state[key].shape) for key in state if ".conv.weight" in key and "layer2.0." in key}
    assert shapes == {
        "backbone.layer2.0.conv1.conv.weight": (64, 128, 3, 1, 1),
        "backbone.layer2.0.conv2.conv.weight": (64, 64, 1, 3, 3),
        "backbone.layer2.0.conv3.conv.weight": (256, 64, 1, 1, 1),
        "backbone.layer2.0.downsample.conv.weight": (256, 128, 1, 1, 1),
    }
    assert tuple(state["backbone.conv1.conv.weight"].shape) == (32, 17, 1, 7, 7)
    assert tuple(state["backbone.layer1.3.conv1.conv.weight"].shape) == (32, 128, 1, 1, 1)


@pytest.mark.parametrize(("maps", "frames"), [("joint", 9), ("limb", 16)])
def test_official_weights_give_the_official_function(maps, frames):
    encoder = create_encoder("posec3d", maps=maps)
    state = official_state(encoder)
    network = load_reference(encoder, {f"module.{key}": value for key, value in state.items()}).eval()
    clip = torch.rand(2, 1, frames, 17, 3, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        drawn = encoder.draw(clip)
        expected = plain_network(state, drawn, (4, 6, 3))
        assert drawn.shape == (2, 17, frames, 64, 64)
        assert expected.std() > 0.1
        assert torch.allclose(network(clip).double(), expected, atol=1e-4)


def test_weights_of_another_layout_or_without_a_head(tmp_path):
    encoder = create_encoder("posec3d", **SMALL)
    state = official_state(encoder)
    with pytest.raises(RecipeError, match="maps of 17 channels, not of the 22 joints of layout 'imigue-22'"):
        load_reference(create_encoder("posec3d", layout="imigue-22", **SMALL), state)
    with pytest.raises(RecipeError, match="hold no head"):
        load_reference(encoder, {k: v for k, v in state.items() if k.startswith("backbone.")})
    save_file(state, tmp_path / "official.safetensors")
    other = create_encoder("posec3d", weights=str(tmp_path / "official.safetensors"), **SMALL)
    key = "backbone.layer3.0.conv2.bn.running_mean"
    assert torch.equal(other.state_dict()[key], state[key])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"maps": "bones"}, "maps are of joint or limb, got 'bones'"),
        ({"blocks": [4, 6]}, "needs 3 numbers of blocks"),
        ({"size": 8}, "heat maps need 16 pixels or more"),
        ({"crop": 0.0}, r"a crop in \(0, 1\]"),
        ({"channels": 2, "dimensions": 3}, "2 channels of points in 3 dimensions cannot be drawn"),
        ({"maps": "limb", "limbs": [["nose", "left_wrist"]], "mirrored": True}, "has no mirror image"),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(RecipeError, match=message):
        create_encoder("posec3d", **options)


def test_a_map_shows_each_joint_as_high_as_its_score():
    encoder = create_encoder("posec3d", **SMALL).eval()
    clip = torch.zeros(1, 1, 2, 17, 3)
    clip[0, 0, :, 9] = torch.tensor([-2.0, 1.0, 0.9])
    clip[0, 0, :, 10] = torch.tensor([3.0, 2.0, 0.4])
    clip[0, 0, :, 11] = torch.tensor([9.0, 9.0, 0.0])  # not known: neither drawn nor in the box
    maps = encoder.draw(clip)[0]
    for joint, score, column in ((9, 0.9, 3.2), (10, 0.4, 28.8)):  # the box is 6.25 wide and begins at -2.625
        assert 0.5 * score < maps[joint].max() <= score
        assert maps[joint, 0].amax(0).argmax() == round(column)
    assert not maps[[0, 11]].any()


def test_in_space_and_without_scores_a_joint_at_the_origin_is_not_known():
    space = create_encoder("posec3d", dimensions=3, **SMALL).eval()
    flat = create_encoder("posec3d", channels=2, **SMALL).eval()
    clip = torch.rand(1, 1, 4, 17, 3, generator=torch.Generator().manual_seed(1)) + 0.5
    clip[:, :, :, 5] = 0
    clip[:, :, 1, 6] = 0  # known in the other frames
    drawn = space.draw(clip).amax((3, 4))[0]
    assert not drawn[5].any()
    assert drawn[6].all()
    assert drawn[0].min() > 0.4
    assert torch.equal(space.draw(clip), flat.draw(clip[..., :2]))


def test_training_crops_and_evaluation_does_not():
    encoder = create_encoder("posec3d", **SMALL)
    clip = encoder.example_input(2)
    torch.manual_seed(0)
    first, second = encoder.train().draw(clip), encoder.draw(clip)
    assert first.shape[-1] == 28
    assert not torch.equal(first, second)
    torch.manual_seed(0)
    assert torch.equal(first, encoder.draw(clip))
    assert encoder.eval().draw(clip).shape[-1] == 32
    assert create_encoder("posec3d", **{**SMALL, "crop": 1.0}).train().draw(clip).shape[-1] == 32


def test_the_mirrored_clip_is_seen_too():
    torch.manual_seed(0)
    encoder = create_encoder("posec3d", mirrored=True, **SMALL).eval()
    clip = torch.rand(1, 1, 8, 17, 3)
    with torch.no_grad():
        tokens, maps = encoder(clip), encoder.draw(clip)
        pairs = [0, *(i + 1 if i % 2 else i - 1 for i in range(1, 17))]  # COCO: left is odd, right follows
        other = encoder.backbone(maps.flip(4)[:, pairs]).mean((3, 4)).transpose(1, 2)
    assert tokens.shape == (1, 8, 128)
    assert torch.allclose(tokens[:, 4:], other, atol=1e-6)
    assert not torch.allclose(tokens[:, 4:], tokens[:, :4], atol=1e-3)
    assert encoder.train()(clip).shape == (1, 4, 128)


def test_first_weights_let_a_gradient_through():
    torch.manual_seed(0)
    encoder = create_encoder("posec3d")
    blocks = [module for module in encoder.modules() if isinstance(module, Bottleneck)]
    assert len(blocks) == 13
    assert all((block.conv3.bn.weight == 0.1).all() for block in blocks)
    weight = encoder.backbone.layer2[1].conv2.conv.weight
    assert weight.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.05)


TINY = [
    *("--data.frames", "10", "--optimiser.epochs", "12", "--optimiser.batch", "8", "--training.precision", "no"),
    *("--optimiser.least_steps", "0", "--optimiser.lr_encoder", "0.01", "--optimiser.lr_heads", "0.01"),
    *("--encoder.options.size", "24", "--encoder.options.crop_size", "21", "--objective.options.dropout", "0.0"),
]


@pytest.fixture(scope="module")
def pickle(tmp_path_factory):
    return write_pickle(tmp_path_factory.mktemp("skeletons") / "clips.pkl", subjects=9, clips=8)


@pytest.fixture(scope="module")
def runs(pickle, tmp_path_factory):
    """A run on joints and one on limbs, of the small recipes."""
    folder = tmp_path_factory.mktemp("runs")
    found = []
    for recipe in ("skeleton/posec3d_small", "skeleton/posec3d_limb_small"):
        out = folder / recipe.rpartition("/")[2]
        assert main(["train", recipe, "--data.manifest", str(pickle), *TINY, "-o", str(out)]) == 0
        found.append(out)
    return found


def test_joints_and_limbs_are_learnt_and_fused(runs, pickle, tmp_path):
    for run in runs:  # four classes
        assert main(["evaluate", str(run)]) == 0
        assert json.loads((run / "evaluation/metrics.json").read_text())["metrics"]["top1"] > 0.5
        assert load_run(run).objective.encoder.layout.name == "coco-17"
    out = tmp_path / "fused"
    assert main(["fuse", *map(str, runs), "-o", str(out), "--weights", "0.4", "0.6"]) == 0
    fused = json.loads((out / "fusion.json").read_text())
    assert [run["weight"] for run in fused["runs"]] == pytest.approx([0.4, 0.6])
    assert fused["metrics"]["top1"] > 0.7


def test_a_track_is_named(runs, tmp_path):
    analyzer = microgesture.load(runs[0])
    right = 0
    for label in range(4):
        moving_track(label, 77, label).save(tmp_path / f"{label}.npz")
        event = analyzer.recognize(tmp_path / f"{label}.npz")
        right += event.label == analyzer.vocabulary[label].name
    assert right >= 3
    encoder = load_run(runs[0]).objective.encoder
    assert (encoder.channels, encoder.dimensions, encoder.persons) == (3, 2, 1)


def test_points_in_space_and_scores_that_say_nothing_are_told_to_the_encoder(tmp_path):
    rng = np.random.default_rng(0)
    for kind, (size, expected) in {"space": (3, (3, 3)), "flat": (2, (2, 2))}.items():
        points = rng.normal(0, 0.3, (4, 20, 17, size)) + 2
        tracks = [SkeletonTrack(np.arange(20) / 30, p, np.ones((20, 17)), "coco-17", (1920, 1080)) for p in points]
        names = [f"S001C001P00{i + 1}R001A00{i % 2 + 1}" for i in range(4)]
        write_pyskl(tracks, [0, 1, 0, 1], tmp_path / f"{kind}.pkl", names, {"train": names})
        recipe = load_recipe("skeleton/posec3d_small", ["--data.manifest", str(tmp_path / f"{kind}.pkl")])
        manifest = open_manifest(recipe)
        data = make_dataset(recipe, manifest, "train", training=True)
        objective = build_objective(recipe, manifest.vocabulary, open_options(recipe, data))
        assert (objective.encoder.dimensions, objective.encoder.channels) == expected
        maps = objective.encoder.eval().draw(data[0]["clip"][None])
        assert maps.amax((3, 4)).min() > 0.4  # every joint is drawn, none as high as its depth


def test_bones_are_not_places(pickle, tmp_path, capsys):
    flags = ["--data.manifest", str(pickle), "--data.stream", "bone", "-o", str(tmp_path / "run")]
    assert main(["train", "skeleton/posec3d_small", *flags]) == 2
    assert "encoder 'posec3d' draws places: set data.stream joint, not bone" in capsys.readouterr().err
