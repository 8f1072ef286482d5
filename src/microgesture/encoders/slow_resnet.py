"""3-D ResNets that keep time as it is for long: the path of PoseC3D and both paths of RGBPoseConv3D.

Feichtenhofer et al., "SlowFast Networks", ICCV 2019 (arXiv 1812.03982), as the released PYSKL builds it. Names and
shapes of weights are PYSKL's (`conv1.conv.weight`, `layer1.0.conv1.bn.weight`, `layer1.0.downsample.conv.weight`).
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from microgesture.errors import RecipeError

EXPANSION = 4
"""Output channels of a bottleneck for each of its inner ones."""
FIRST_GAIN = 0.1
"""First weight of the last norm of every block."""

Triple = tuple[int, int, int]


class ConvNorm(nn.Module):
    """Convolution without bias, batch norm and, unless told, ReLU; padded to keep the size where the stride is 1."""

    def __init__(
        self, inputs: int, outputs: int, kernel: Triple, stride: Triple = (1, 1, 1), relu: bool = True
    ) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
        self.conv = nn.Conv3d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm3d(outputs)
        self.activation: nn.Module = nn.ReLU(inplace=True) if relu else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.bn(self.conv(x)))


class Bottleneck(nn.Module):
    """1x1x1 (3x1x1 where it is `inflated`), 1x3x3 with the stride, 1x1x1; then the sum with the input, and ReLU."""

    def __init__(self, inputs: int, width: int, stride: Triple, inflated: bool, downsample: bool) -> None:
        super().__init__()
        outputs = width * EXPANSION
        self.conv1 = ConvNorm(inputs, width, (3, 1, 1) if inflated else (1, 1, 1))
        self.conv2 = ConvNorm(width, width, (1, 3, 3), stride)
        self.conv3 = ConvNorm(width, outputs, (1, 1, 1), relu=False)
        self.downsample = ConvNorm(inputs, outputs, (1, 1, 1), stride, relu=False) if downsample else None
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        return self.relu(self.conv3(self.conv2(self.conv1(x))) + shortcut)


class SlowResNet(nn.Module):
    """(B, `inputs`, T, H, W) to (B, `outputs`, T', H', W'): stem, a 3x3 maximum, and a stage for each of `blocks`.

    `width` is that of the stem and of the first stage; it doubles from stage to stage. Stages have the strides `space`
    and `time`, and 3x1x1 convolutions where `inflate` is true. `stem_stride` is the stride in space of the stem's 1x7x7
    convolution and of the maximum after it. `joining` are channels that a lateral connection adds in front of each
    stage. Convolutions begin by He et al. (2015). The last norm of every block begins at 0.1 where PYSKL's begins at
    0, so that a gradient reaches every weight from the first step on (our choice).
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        blocks: Sequence[int],
        inflate: Sequence[bool],
        space: Sequence[int],
        time: Sequence[int],
        stem_stride: int = 1,
        joining: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.conv1 = ConvNorm(inputs, width, (1, 7, 7), (1, stem_stride, stem_stride))
        self.maxpool = nn.MaxPool3d((1, 3, 3), (1, stem_stride, stem_stride), (0, 1, 1))
        channels = width
        for i, count in enumerate(blocks):
            extra = 0 if joining is None else joining[i]
            stride = (time[i], space[i], space[i])
            stage = _stage(channels + extra, width * 2**i, count, stride, bool(inflate[i]))
            self.add_module(f"layer{i + 1}", stage)
            channels = width * 2**i * EXPANSION
        self.stages, self.outputs = len(blocks), channels
        self.apply(_start)

    def stem(self, x: Tensor) -> Tensor:
        """What the first stage sees."""
        return self.maxpool(self.conv1(x))

    def stage(self, number: int, x: Tensor) -> Tensor:
        """Stage `number`, counted from 1, of its input."""
        return self.get_submodule(f"layer{number}")(x)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for number in range(1, self.stages + 1):
            x = self.stage(number, x)
        return x


def check_size(name: str, width: int, blocks: Sequence[int], stages: int) -> None:
    """Raises `RecipeError` unless there are `stages` numbers of blocks, each 1 or more, and a width."""
    whole = isinstance(blocks, list | tuple) and all(isinstance(b, int) and b > 0 for b in blocks)
    if not whole or len(blocks) != stages or width < 1:
        wanted = f"{stages} numbers of blocks and a width, each 1 or more"
        raise RecipeError(f"encoder '{name}' needs {wanted}; got blocks {blocks} and width {width}")


def _stage(inputs: int, width: int, blocks: int, stride: Triple, inflated: bool) -> nn.Sequential:
    changes = stride[1] != 1 or inputs != width * EXPANSION
    first = Bottleneck(inputs, width, stride, inflated, changes)
    rest = (Bottleneck(width * EXPANSION, width, (1, 1, 1), inflated, False) for _ in range(blocks - 1))
    return nn.Sequential(first, *rest)


def _start(module: nn.Module) -> None:
    if isinstance(module, nn.Conv3d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, Bottleneck):
        nn.init.constant_(module.conv3.bn.weight, FIRST_GAIN)
