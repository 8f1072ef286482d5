"""RGB with pose: official names and the official function, written plainly; what it refuses."""

import pytest
import torch
from torch.nn import functional as F

from microgesture.encoders import create_encoder, load_reference
from microgesture.encoders.heatmaps import joint_maps
from microgesture.encoders.paired_clip import PairedClip
from microgesture.errors import RecipeError

SMALL = {"width": 4, "rgb_blocks": [1, 2, 1, 1], "pose_blocks": [2, 1, 1]}


def official_state(encoder, classes=7):
    """Random weights under the official names, both heads included."""
    generator = torch.Generator().manual_seed(3)
    shapes = {f"backbone.{key}": value.shape for key, value in encoder.state_dict().items()}
    for path, width in zip(("rgb", "pose"), encoder.paths, strict=True):
        shapes |= {f"cls_head.fc_{path}.weight": (classes, width), f"cls_head.fc_{path}.bias": (classes,)}
    state = {}
    for key, shape in shapes.items():
        value = torch.randn(shape, generator=generator)
        if value.dim() == 5:
            value *= (2 / value[0].numel()) ** 0.5
        if key.endswith(("running_var", "bn.weight")):
            value = torch.rand(shape, generator=generator) + 0.5
        state[key] = torch.tensor(7) if key.endswith("num_batches_tracked") else value
    return state


class Plain:
    """The network in float64, from the weights by name."""

    def __init__(self, state):
        self.state = {key.removeprefix("backbone."): value.double() for key, value in state.items()}

    def conv(self, x, key, stride=(1, 1, 1), relu=True):
        weight = self.state[f"{key}.conv.weight"]
        x = F.conv3d(x, weight, None, stride, [(k - 1) // 2 for k in weight.shape[2:]])
        return self.norm(x, key, relu)

    def norm(self, x, key, relu=True):
        x = F.batch_norm(x, *(self.state[f"{key}.bn.{s}"] for s in ("running_mean", "running_var", "weight", "bias")))
        return x.relu() if relu else x

    def stage(self, x, key, blocks, space):
        for i in range(blocks):
            block, before, stride = f"{key}.{i}", x, (1, space, space) if i == 0 else (1, 1, 1)
            x = self.conv(self.conv(x, f"{block}.conv1"), f"{block}.conv2", stride)
            x = self.conv(x, f"{block}.conv3", relu=False)
            x = (x + (self.conv(before, f"{block}.downsample", stride, False) if i == 0 else before)).relu()
        return x

    def to_rgb(self, x, key):
        return F.conv3d(x, self.state[f"{key}.conv.weight"], None, (4, 1, 1), (3, 0, 0))

    def to_pose(self, x, key):
        wide = F.conv_transpose3d(x, self.state[f"{key}.conv.weight"], None, (4, 1, 1), (3, 0, 0), (3, 0, 0))
        return self.norm(wide, key)

    def __call__(self, rgb, maps, rgb_blocks, pose_blocks):
        rgb = F.max_pool3d(self.conv(rgb.double(), "rgb_path.conv1", (1, 2, 2)), (1, 3, 3), (1, 2, 2), (0, 1, 1))
        pose = F.max_pool3d(self.conv(maps.double(), "pose_path.conv1"), (1, 3, 3), 1, (0, 1, 1))
        rgb = self.stage(rgb, "rgb_path.layer1", rgb_blocks[0], 1)
        for i in (1, 2):
            rgb = self.stage(rgb, f"rgb_path.layer{i + 1}", rgb_blocks[i], 2)
            pose = self.stage(pose, f"pose_path.layer{i}", pose_blocks[i - 1], 2)
            seen, told = (
                self.to_rgb(pose, f"rgb_path.layer{i + 1}_lateral"),
                self.to_pose(rgb, f"pose_path.layer{i}_lateral"),
            )
            rgb, pose = torch.cat([rgb, seen], 1), torch.cat([pose, told], 1)
        rgb = self.stage(rgb, "rgb_path.layer4", rgb_blocks[3], 2)
        pose = self.stage(pose, "pose_path.layer3", pose_blocks[2], 2)
        return rgb.mean((2, 3, 4)), pose.mean((2, 3, 4))


def test_parameters_and_names_are_official():
    encoder = create_encoder("rgbpose")
    assert sum(p.numel() for p in encoder.parameters()) == 35_994_208
    assert encoder.paths == (2048, 512)
    state = encoder.state_dict()
    assert len(state) == 590
    assert {key: tuple(state[key].shape) for key in state if key.endswith("lateral.conv.weight")} == {
        "rgb_path.layer2_lateral.conv.weight": (128, 128, 7, 1, 1),
        "rgb_path.layer3_lateral.conv.weight": (256, 256, 7, 1, 1),
        "pose_path.layer1_lateral.conv.weight": (512, 32, 7, 1, 1),
        "pose_path.layer2_lateral.conv.weight": (1024, 64, 7, 1, 1),
    }


@pytest.mark.parametrize("size", [64, 50])
def test_official_weights_give_the_official_function(size):
    encoder = create_encoder("rgbpose", **SMALL)
    state = official_state(encoder)
    network = load_reference(encoder, state).eval()
    generator = torch.Generator().manual_seed(0)
    clip = PairedClip(
        torch.randn(2, 3, 3, size, size, generator=generator), torch.rand(2, 1, 12, 17, 3, generator=generator)
    )
    side = -(-size // 4)
    maps = joint_maps(clip.skeleton[..., :2] * side, clip.skeleton[..., 2], side, 0.7)
    with torch.no_grad():
        rgb, pose = Plain(state)(clip.rgb, maps, SMALL["rgb_blocks"], SMALL["pose_blocks"])
        pooled = encoder.pool(encoder(clip)).double()
        head = {path: state[f"cls_head.fc_{path}.weight"].double() for path in ("rgb", "pose")}
        bias = {path: state[f"cls_head.fc_{path}.bias"].double() for path in ("rgb", "pose")}
        logits = (rgb @ head["rgb"].T + bias["rgb"] + pose @ head["pose"].T + bias["pose"]) / 2
        assert torch.allclose(pooled, torch.cat([rgb, pose], 1), rtol=1e-4, atol=1e-4)
        assert torch.allclose(network(clip).double(), logits, rtol=1e-4, atol=1e-3)


def test_each_path_hears_the_other():
    torch.manual_seed(0)
    encoder = create_encoder("rgbpose", **SMALL).eval()
    clip = encoder.example_input(1)
    other = PairedClip(clip.rgb, clip.skeleton.flip(3))
    dark = PairedClip(torch.zeros_like(clip.rgb), clip.skeleton)
    with torch.no_grad():
        tokens = encoder(clip)
        rgb = encoder.paths[0]
        assert tokens.shape == (1, 4, 160 * 2)
        assert not torch.allclose(encoder(other)[..., :rgb], tokens[..., :rgb], atol=1e-4)
        assert not torch.allclose(encoder(dark)[..., rgb:], tokens[..., rgb:], atol=1e-4)


def test_clips_that_do_not_fit():
    encoder = create_encoder("rgbpose", **SMALL)
    clip = encoder.example_input(1)
    with pytest.raises(RecipeError, match="reads a video and its skeleton together"):
        encoder(clip.rgb)
    with pytest.raises(RecipeError, match="square pictures and 4 moments of skeletons for each"):
        encoder(PairedClip(clip.rgb[:, :, :3], clip.skeleton))
    with pytest.raises(RecipeError, match="built for 1 persons, 17 joints"):
        encoder(PairedClip(clip.rgb, clip.skeleton[:, :, :, :5]))
    with pytest.raises(RecipeError, match="even width, got 3"):
        create_encoder("rgbpose", width=3)
    with pytest.raises(RecipeError, match="needs 4 numbers of blocks"):
        create_encoder("rgbpose", rgb_blocks=[1, 1, 1])
