"""MS-G3D: official counts, key names and shapes; the official function, written anew; graphs; files and errors."""

from itertools import product

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from microgesture.encoders import create_encoder, load_reference
from microgesture.encoders.msg3d_blocks import TemporalConvolution, scale_adjacency
from microgesture.errors import RecipeError
from microgesture.skeletons.layouts import LAYOUTS
from microgesture.skeletons.skeleton import make_layout

NORM = ("weight", "bias", "running_mean", "running_var")
BLOCKS = ((None, 96, 96, 1), (96, 96, 192, 2), (192, 192, 384, 2))
"""Channels into a block (None: those of the skeleton), between its convolutions and out of it, and its stride."""


def binary(layout: str) -> np.ndarray:
    joints = LAYOUTS[layout]
    matrix = np.zeros((len(joints), len(joints)), dtype=np.float32)
    for a, b in joints.bones:
        matrix[joints.index(a), joints.index(b)] = matrix[joints.index(b), joints.index(a)] = 1
    return matrix


def official_shapes(joints, persons, channels, scales, classes) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the official network's state, less the counts of batches."""
    shapes: dict[str, tuple[int, ...]] = {}

    def norm(name, width):
        shapes.update({f"{name}.{kind}": (width,) for kind in NORM})

    def convolution(name, *shape):
        shapes.update({f"{name}.weight": shape, f"{name}.bias": shape[:1]})

    def temporal(name, into, out, residual):
        for i in range(6):
            convolution(f"{name}.branches.{i}.0", out // 6, into, 1, 1)
            norm(f"{name}.branches.{i}.1", out // 6)
            if i < 4:
                convolution(f"{name}.branches.{i}.3.conv", out // 6, out // 6, 3, 1)
                norm(f"{name}.branches.{i}.3.bn", out // 6)
        norm(f"{name}.branches.4.4", out // 6)
        if residual:
            convolution(f"{name}.residual.conv", out, into, 1, 1)
            norm(f"{name}.residual.bn", out)

    norm("data_bn", persons * joints * channels)
    for b, (first, middle, out, _) in enumerate(BLOCKS, 1):
        into = first or channels
        for i, window in enumerate((3, 5)):
            inner = out if into == 3 else into
            name, size = f"gcn3d{b}.gcn3d.{i}", window * joints
            shapes[f"{name}.gcn3d.1.A_res"] = (scales[1] * size, size)
            convolution(f"{name}.gcn3d.1.mlp.layers.0", inner, scales[1] * into, 1, 1)
            norm(f"{name}.gcn3d.1.mlp.layers.1", inner)
            convolution(f"{name}.out_conv", out, inner, 1, window, 1)
            norm(f"{name}.out_bn", out)
        shapes[f"sgcn{b}.0.A_res"] = (scales[0] * joints, joints)
        convolution(f"sgcn{b}.0.mlp.layers.0", middle, scales[0] * into, 1, 1)
        norm(f"sgcn{b}.0.mlp.layers.1", middle)
        temporal(f"sgcn{b}.1", middle, out, residual=b > 1)
        temporal(f"sgcn{b}.2", out, out, residual=False)
        temporal(f"tcn{b}", out, out, residual=False)
    convolution("fc", classes, 384)
    return shapes


def official_state(*arguments) -> dict[str, torch.Tensor]:
    """An official state with lively random values, statistics and adjacency masks included."""
    generator = torch.Generator().manual_seed(5)
    state = {}
    for name, shape in official_shapes(*arguments).items():
        if len(shape) > 1 and not name.endswith("A_res"):
            state[name] = torch.randn(shape, generator=generator) / np.prod(shape[1:]) ** 0.5
        elif name.endswith(("running_var", "weight")):
            state[name] = torch.rand(shape, generator=generator) + 0.5
        else:
            state[name] = torch.randn(shape, generator=generator) * (0.05 if name.endswith("A_res") else 0.3)
        if name.endswith("running_var"):
            state[name.replace("running_var", "num_batches_tracked")] = torch.tensor(7)
    return state


class Official:
    """The published function of a state in official names and a binary adjacency matrix, the plain way."""

    def __init__(self, state, matrix, scales):
        self.state, self.matrix, self.scales = state, matrix, scales

    def norm(self, name, x):
        weight, bias, mean, var = (self.state[f"{name}.{kind}"] for kind in NORM)
        return F.batch_norm(x, mean, var, weight, bias, training=False)

    def conv(self, name, x, **options):
        return F.conv2d(x, self.state[f"{name}.weight"], self.state[f"{name}.bias"], **options)

    def exchange(self, name, x, matrix, scales):
        """The paper's k-adjacency from powers of A + I; x (N, C, T, joints)."""
        own = np.eye(len(matrix))
        powers = [np.minimum(np.linalg.matrix_power(matrix + own, k), 1) for k in range(scales)]
        total = 0
        for k in range(scales):
            near = own if k == 0 else powers[k] - powers[k - 1] + own
            degree = np.diag(near.sum(1) ** -0.5)
            joints = torch.from_numpy(degree @ near @ degree).float()
            joints = joints + self.state[f"{name}.A_res"].unflatten(0, (scales, -1))[k]
            weight = self.state[f"{name}.mlp.layers.0.weight"].unflatten(1, (scales, -1))[:, k, :, 0, 0]
            total = total + torch.einsum("oc,nctv->notv", weight, x @ joints.T)
        total = total + self.state[f"{name}.mlp.layers.0.bias"][:, None, None]
        return F.relu(self.norm(f"{name}.mlp.layers.1", total))

    def windows(self, name, x, window, stride):
        count, channels, _, joints = x.shape
        padded = F.pad(x, (0, 0, window // 2, window // 2))
        seen = padded.unfold(2, window, stride).permute(0, 1, 2, 4, 3).reshape(count, channels, -1, window * joints)
        both = np.tile(self.matrix + np.eye(joints), (window, window))
        y = self.exchange(f"{name}.gcn3d.1", seen, both, self.scales[1]).unflatten(-1, (window, joints))
        y = torch.einsum("ocs,nctsv->notv", self.state[f"{name}.out_conv.weight"][:, :, 0, :, 0], y)
        return self.norm(f"{name}.out_bn", y + self.state[f"{name}.out_conv.bias"][:, None, None])

    def temporal(self, name, x, stride=1, activate=True):
        branches = []
        for i in range(6):
            y = self.norm(f"{name}.branches.{i}.1", self.conv(f"{name}.branches.{i}.0", x))
            if i < 4:
                step = {"stride": (stride, 1), "padding": (i + 1, 0), "dilation": (i + 1, 1)}
                y = self.norm(f"{name}.branches.{i}.3.bn", self.conv(f"{name}.branches.{i}.3.conv", F.relu(y), **step))
            elif i == 4:
                y = F.max_pool2d(F.relu(y), (3, 1), (stride, 1), (1, 0))
                y = self.norm(f"{name}.branches.4.4", y)
            else:
                y = y[:, :, ::stride]
            branches.append(y)
        if f"{name}.residual.conv.weight" in self.state:
            x = self.norm(f"{name}.residual.bn", self.conv(f"{name}.residual.conv", x[:, :, ::stride]))
        y = torch.cat(branches, 1) + x
        return F.relu(y) if activate else y

    def __call__(self, x):
        """Logits of x (N, C, T, V, M), as the official network takes it."""
        count, channels, frames, joints, persons = x.shape
        flat = self.norm("data_bn", x.permute(0, 4, 3, 1, 2).flatten(1, 3))
        x = flat.reshape(count * persons, joints, channels, frames).permute(0, 2, 3, 1)
        for b, (_, _, _, stride) in enumerate(BLOCKS, 1):
            y = self.exchange(f"sgcn{b}.0", x, self.matrix, self.scales[0])
            y = self.temporal(f"sgcn{b}.2", self.temporal(f"sgcn{b}.1", y, stride), activate=False)
            for i, window in enumerate((3, 5)):
                y = y + self.windows(f"gcn3d{b}.gcn3d.{i}", x, window, stride)
            x = self.temporal(f"tcn{b}", F.relu(y))
        pooled = x.reshape(count, persons, 384, -1).mean((1, 3))
        return pooled @ self.state["fc.weight"].T + self.state["fc.bias"]


@pytest.mark.parametrize(
    ("layout", "persons", "channels", "scales", "classes", "frames"),
    [
        ("ntu-rgb+d", 2, 3, (13, 6), 60, 9),
        ("openpose-kinetics", 2, 3, (8, 8), 400, 8),
        ("imigue-22", 1, 2, (9, 6), 5, 7),
        ("coco-17", 1, 3, (11, 3), 5, 1),
    ],
)
def test_the_official_function(layout, persons, channels, scales, classes, frames):
    state = official_state(len(LAYOUTS[layout]), persons, channels, scales, classes)
    options = {"gcn_scales": 11, "g3d_scales": 3} if scales == (11, 3) else {}  # the others are the defaults
    encoder = create_encoder("msg3d", layout=layout, persons=persons, channels=channels, **options).eval()
    model = load_reference(encoder, state)
    x = torch.randn(2, channels, frames, len(LAYOUTS[layout]), persons, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = Official(state, binary(layout), scales)(x)
        ours = model(x.permute(0, 4, 2, 3, 1))
    assert expected.std() > 0.01
    assert torch.allclose(ours, expected, rtol=1e-4, atol=1e-5 * expected.abs().max().item())


@pytest.mark.parametrize(
    ("layout", "classes", "published"), [("ntu-rgb+d", 60, 3_194_595), ("openpose-kinetics", 400, 3_144_328)]
)
def test_parameters_are_those_of_the_official_network(layout, classes, published):
    encoder = create_encoder("msg3d", layout=layout, persons=2)
    scales = (encoder.gcn_scales, encoder.g3d_scales)
    shapes = official_shapes(len(LAYOUTS[layout]), 2, 3, scales, classes)
    assert sum(int(np.prod(shape)) for name, shape in shapes.items() if "running" not in name) == published
    assert sum(p.numel() for p in encoder.parameters()) + 384 * classes + classes == published


@pytest.mark.parametrize(("layout", "window"), [*product(("ntu-rgb+d", "openpose-kinetics", "imigue-22"), (1, 3))])
def test_adjacency_is_the_papers(layout, window):
    own, one = np.eye(window * len(LAYOUTS[layout])), binary(layout)
    matrix = one if window == 1 else np.tile(one + np.eye(len(one)), (window, window))
    found = scale_adjacency(LAYOUTS[layout], 14, window).numpy()
    for k in range(14):
        reached, before = (np.linalg.matrix_power(matrix + own, i) > 0 for i in (k, max(k - 1, 0)))
        near = (reached & ~before) + own
        assert np.allclose(found[k], near / np.sqrt(np.outer(near.sum(1), near.sum(1))), atol=1e-7)
    assert np.array_equal(found[0], own)
    assert np.array_equal(found[13], own)  # nothing is 13 hops away


def test_adjacency_of_a_chain_by_hand():
    chain = make_layout("chain", ("a", "b", "c"), (("a", "b"), ("b", "c")), "b")
    third, half, sixth = 1 / 3, 1 / 2, 6**-0.5
    expected = [
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        [[half, sixth, 0], [sixth, third, sixth], [0, sixth, half]],
        [[half, 0, half], [0, 1, 0], [half, 0, half]],
    ]
    assert torch.allclose(scale_adjacency(chain, 3), torch.tensor(expected))
    within = scale_adjacency(chain, 2, 2)[1] > 0  # the middle joint meets all six, the ends each other's frame too
    assert within.sum(1).tolist() == [4, 6, 4, 4, 6, 4]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_adjacency_is_finite_whatever_the_layout(layout):
    joints = scale_adjacency(LAYOUTS[layout], 13)
    assert joints.isfinite().all()
    assert torch.equal(joints, joints.transpose(1, 2))


@pytest.mark.parametrize(
    ("layout", "scales"), [("ntu-rgb+d", (13, 6)), ("openpose-kinetics", (8, 8)), ("imigue-22", (9, 6))]
)
def test_scales_by_default(layout, scales):
    encoder = create_encoder("msg3d", layout=layout)
    assert (encoder.gcn_scales, encoder.g3d_scales) == scales
    assert all(parameter.isfinite().all() for parameter in encoder.parameters())


def test_masks_start_near_nothing():
    masks = [p for name, p in create_encoder("msg3d").named_parameters() if name.endswith("mask")]
    assert len(masks) == 9
    assert all(0 < mask.abs().max() <= 1e-6 for mask in masks)


@pytest.mark.parametrize("frames", [1, 2, 5, 16, 17])
def test_one_token_for_four_frames(frames):
    torch.manual_seed(0)
    encoder = create_encoder("msg3d", persons=2, channels=2).eval()
    with torch.inference_mode():
        tokens = encoder(torch.randn(2, 2, frames, 17, 2))
    assert tokens.shape == (2, (frames + 3) // 4, 384)
    assert tokens.isfinite().all()


def test_statistics_of_joined_branches_are_those_of_each():
    torch.manual_seed(0)
    layer = TemporalConvolution(12, 12).train()
    x = torch.randn(4, 12, 6, 3)
    layer(x)
    single = F.conv2d(x, layer.single.weight, layer.single.bias)
    assert torch.allclose(layer.norm.running_mean[-2:], 0.1 * single.mean((0, 2, 3)), atol=1e-6)
    assert torch.allclose(layer.norm.running_var[-2:], 0.9 + 0.1 * single.var((0, 2, 3)), atol=1e-6)


@pytest.mark.parametrize("head", [True, False])
def test_weights_from_a_file(tmp_path, head):
    state = official_state(17, 1, 3, (9, 6), 4)
    content = {f"module.{key}": value for key, value in state.items() if head or not key.startswith("fc.")}
    torch.save(content, tmp_path / "w.pt")
    encoder = create_encoder("msg3d", weights=str(tmp_path / "w.pt")).eval()
    clip = encoder.example_input(2)
    with torch.inference_mode():
        expected = load_reference(create_encoder("msg3d").eval(), state).encoder(clip)
        assert torch.equal(encoder(clip), expected)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("tcn2.branches.3.0.bias", None, "tcn2.branches.3.0.bias is missing"),
        ("fc.bias", None, "hold a head without its bias"),
        ("tcn2.stranger", torch.zeros(1), "1 are unknown, first tcn2.stranger"),
        ("gcn3d2.gcn3d.1.out_bn.weight", torch.zeros(3), r"blocks.1.windows.1.norm.weight is \(3,\), not \(192,\)"),
        ("sgcn2.1.branches.1.0.weight", torch.zeros(32, 5, 1, 1), r"sgcn2.1.branches.0.0.weight and its neighbours"),
    ],
)
def test_weights_that_do_not_fit(key, value, message):
    state = official_state(17, 1, 3, (9, 6), 4)
    state.pop(key, None)
    if value is not None:
        state[key] = value
    with pytest.raises(RecipeError, match=message) as caught:
        load_reference(create_encoder("msg3d"), state)
    assert "\n" not in str(caught.value)


def test_weights_made_with_other_options(tmp_path):
    state = official_state(17, 2, 3, (13, 6), 4)
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(RecipeError, match=r"w\.pt: the weights are those of an 'msg3d' with other options"):
        create_encoder("msg3d", weights=str(tmp_path / "w.pt"))
    with pytest.raises(RecipeError, match=r"other options: give persons=2, gcn_scales=13$"):
        load_reference(create_encoder("msg3d"), state)
    with pytest.raises(RecipeError, match=r"for 17 joints, layout 'ntu-rgb\+d' has 25"):
        load_reference(create_encoder("msg3d", layout="ntu-rgb+d"), state)


@pytest.mark.parametrize("shape", [(1, 2, 16, 17, 3), (1, 1, 16, 25, 3), (1, 1, 16, 17, 2), (16, 17, 3)])
def test_a_clip_of_another_shape(shape):
    with pytest.raises(RecipeError, match="'msg3d' was built for 1 persons, 17 joints and 3 channels"):
        create_encoder("msg3d")(torch.zeros(shape))


@pytest.mark.parametrize("option", ["gcn_scales", "g3d_scales"])
def test_no_scales(option):
    with pytest.raises(RecipeError, match="needs 1 scale or more"):
        create_encoder("msg3d", **{option: 0})
