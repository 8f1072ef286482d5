"""The paper's model put together as its authors' code does it, so that the keys of its state are what torch makes of
that construction and not what somebody typed."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from microgesture.libraries.torchvision_loader import load_torchvision

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "arms", "chin", "crossed", "face", "hands", "neck", "touching")
"""A tokenizer's whole vocabulary."""


class VideoEncoder(nn.Module):
    """torchvision's network without its last layer, which stays a module of the encoder under another name, while what
    is left of the network is kept twice: as it was, and as a sequence of its parts."""

    def __init__(self) -> None:
        super().__init__()
        load_torchvision()
        from torchvision.models.video import R2Plus1D_18_Weights, r2plus1d_18

        self.preprocess = R2Plus1D_18_Weights.DEFAULT.transforms()
        self.pretrained = r2plus1d_18()
        self.dummy_var = self.pretrained._modules.pop("fc")
        self.net = nn.Sequential(OrderedDict(self.pretrained._modules))

    def forward(self, clip: Tensor) -> Tensor:
        """Features (B, 512) of clips (B, T, 3, H, W) in pixels of 0 to 255."""
        return self.net(self.preprocess(clip)).flatten(1)


class TextEncoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        from transformers import DistilBertConfig, DistilBertModel

        config = DistilBertConfig(vocab_size=len(WORDS), dim=64, hidden_dim=96, n_layers=2, n_heads=1)
        self.model = DistilBertModel(config)


class Head(nn.Module):
    """Projection with a residual; `classify` puts the second layer on once more, as the classifier does."""

    def __init__(self, inputs: int, width: int, classify: bool = False) -> None:
        super().__init__()
        self.projection, self.fc = nn.Linear(inputs, width), nn.Linear(width, width)
        self.layer_norm, self.classify = nn.LayerNorm(width), classify

    def forward(self, x: Tensor) -> Tensor:
        x = self.projection(x)
        x = self.layer_norm(self.fc(nn.functional.gelu(x)) + x)
        return self.fc(x) if self.classify else x


class Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        for name in ("query_transform", "key_transform", "value_transform"):
            self.add_module(name, nn.Linear(width, width, bias=False))
        self.output_projection = nn.Linear(width, width)


class Refinement(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.cross_attention = Attention(width)
        self.norm_for_attention, self.norm_for_ffn = nn.LayerNorm(width), nn.LayerNorm(width)
        layers = nn.Linear(width, 4 * width), nn.Identity(), nn.Dropout(0.0), nn.Linear(4 * width, width)
        self.feed_forward_net = nn.Sequential(*layers)


class Prompts(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.visual_feature_normalizer = nn.LayerNorm(width)
        self.refinement_blocks = nn.ModuleList([Refinement(width)])
        self.prompt_scaling_factor = nn.Parameter(torch.full((width,), 0.1))


class Model(nn.Module):
    """The whole of it, with random weights and BatchNorm statistics."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.image_encoder, self.text_encoder = VideoEncoder(), TextEncoder()
        self.image_projection, self.text_projection = Head(512, 256), Head(64, 256)
        self.prompt_generator = Prompts(256)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm3d):
                module.running_mean.normal_(std=0.1)
                module.running_var.uniform_(0.8, 1.2)
