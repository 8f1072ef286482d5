"""Predict & Cluster: encoder, decoders and loss against the equations in float64, official names, ragged lengths."""

import math

import pytest
import torch
from tiny_models import TinyEncoder, vocabulary

from microgesture.encoders import create_encoder, load_reference
from microgesture.encoders.sequence_encoder import real_frames
from microgesture.errors import RecipeError
from microgesture.recognition import create_objective, describe, restore

SMALL = {"layout": "imigue-22", "hidden": 5, "layers": 3}
LENGTHS = (9, 4, 1)


def ragged_clip(layout_joints: int = 22, frames: int = 9) -> torch.Tensor:
    """Clips (3, 1, T, V, 3) of 9, 4 and 1 real frames."""
    clip = torch.randn(3, 1, frames, layout_joints, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for i, length in enumerate(LENGTHS):
        clip[i, :, length:] = 0
    return clip


def make(encoder_options=None, **options):
    torch.manual_seed(0)
    encoder = create_encoder("pc", **SMALL, **(encoder_options or {}))
    return create_objective("predict-and-cluster", encoder, None, vocabulary(), **options).double()


def gru_step(x, h, weights):
    """One step of a GRU by its equations, numbers of one clip."""
    w_x, w_h, b_x, b_h = weights
    n = len(h)
    given, held = w_x @ x + b_x, w_h @ h + b_h
    r = 1 / (1 + torch.exp(-(given[:n] + held[:n])))
    z = 1 / (1 + torch.exp(-(given[n : 2 * n] + held[n : 2 * n])))
    new = torch.tanh(given[2 * n :] + r * held[2 * n :])
    return (1 - z) * new + z * h


def weights_of(state, name):
    return [state[f"{part}_{name}"] for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]


def plain_code(state, frames, reading):
    """The code of one clip (T, D) without padding."""
    layers = sum(key.startswith("weight_ih") for key in state) // 2
    hidden = state["weight_hh_l0"].shape[1]
    rows = list(frames)
    for layer in range(layers):
        halves = []
        for suffix in ("", "_reverse"):
            turned = suffix and reading == "whole"
            h, found = torch.zeros(hidden, dtype=torch.float64), []
            for x in rows[::-1] if turned else rows:
                h = gru_step(x, h, weights_of(state, f"l{layer}{suffix}"))
                found.append(h)
            halves.append(found[::-1] if turned else found)
        ends = torch.cat([halves[0][-1], halves[1][0 if reading == "whole" else -1]])
        rows = [torch.cat(pair) for pair in zip(*halves, strict=True)]
    return ends


def plain_decoding(objective, code, frames, states):
    """Decoded frames of one clip, and those that they are compared with."""
    weights = weights_of(objective.decoder.gru.state_dict(), "l0")
    out = objective.decoder.out
    if not states:
        h, made = code, []
        for _ in frames:
            h = gru_step(torch.zeros_like(frames[0]), h, weights)
            made.append(out.weight @ h + out.bias)
        return made, list(frames)
    x, made = frames[0], []
    for _ in range(len(frames) - (objective.target == "next")):
        x = x + out.weight @ gru_step(x, code, weights) + out.bias
        made.append(x)
    return made, list(frames[1:] if objective.target == "next" else frames)


@pytest.mark.parametrize("reading", ["whole", "released"])
def test_code_is_that_of_the_equations(reading):
    objective = make({"reading": reading})
    clip = ragged_clip()
    codes = objective.embed(clip)
    for i, length in enumerate(LENGTHS):
        frames = clip[i, 0, :length, :, :2].flatten(1)
        expected = plain_code(objective.encoder.gru.state_dict(), frames, reading)
        assert torch.allclose(codes[i], expected, atol=1e-12)


def test_the_two_readings_differ():
    clip = ragged_clip()
    one, other = (make({"reading": reading}) for reading in ("whole", "released"))
    other.load_state_dict(one.state_dict())
    assert torch.allclose(one.embed(clip)[2], other.embed(clip)[2])  # a single frame has one direction
    assert not torch.allclose(one.embed(clip)[0], other.embed(clip)[0], atol=1e-3)


@pytest.mark.parametrize("decoder", ["fixed-weights", "fixed-states"])
@pytest.mark.parametrize("target", ["next", "released"])
def test_loss_is_that_of_the_paper(decoder, target):
    objective = make(decoder=decoder, target=target)
    clip = ragged_clip()
    total = torch.zeros((), dtype=torch.float64)
    for i, length in enumerate(LENGTHS):
        frames = clip[i, 0, :length, :, :2].flatten(1)
        made, wanted = plain_decoding(objective, objective.embed(clip)[i], frames, decoder == "fixed-states")
        if wanted:
            total += sum((m - w).abs().sum() for m, w in zip(made, wanted, strict=True)) / len(wanted)
    assert objective({"clip": clip})["prediction_loss"].item() == pytest.approx(total.item() / 3, rel=1e-10)


def test_released_padding_counts_frames_that_are_not_there():
    objective = make(padding="released")
    clip = ragged_clip()
    total = torch.zeros((), dtype=torch.float64)
    for i, length in enumerate(LENGTHS):
        frames = clip[i, 0, :, :, :2].flatten(1)
        made, _ = plain_decoding(objective, objective.embed(clip)[i], frames, states=False)
        total += sum((m - w).abs().sum() for m, w in zip(made, frames, strict=True)) / length
    found = objective({"clip": clip})["prediction_loss"]
    assert found.item() == pytest.approx(total.item() / 3, rel=1e-10)
    assert found > make()({"clip": clip})["prediction_loss"]


@pytest.mark.parametrize("padding", ["masked", "released"])
def test_zeros_behind_the_longest_clip_change_nothing(padding):
    objective, clip = make(padding=padding), ragged_clip()
    longer = torch.cat([clip, torch.zeros_like(clip)], 2)
    assert torch.equal(objective.embed(longer), objective.embed(clip))
    assert torch.equal(objective({"clip": longer})["prediction_loss"], objective({"clip": clip})["prediction_loss"])


@pytest.mark.parametrize(
    ("options", "learnt"),
    [
        ({"decoder": "fixed-weights"}, {"out"}),
        ({"decoder": "fixed-weights", "frozen": "nothing"}, {"out", "gru"}),
        ({"decoder": "fixed-weights", "frozen": "all"}, set()),
        ({"decoder": "fixed-states"}, {"out", "gru"}),
    ],
)
def test_what_of_the_decoder_learns(options, learnt):
    objective = make(**options)
    objective({"clip": ragged_clip()})["prediction_loss"].backward()
    got = {key.split(".")[0] for key, p in objective.decoder.named_parameters() if p.grad is not None and p.grad.any()}
    assert got == learnt
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in objective.encoder.parameters())
    heads = objective.parameter_groups()["heads"]
    assert {id(p) for p in heads} == {id(p) for p in objective.decoder.parameters() if p.requires_grad}


def test_residual_of_fixed_states_starts_small():
    out = make(decoder="fixed-states").decoder.out
    assert 0.03 < max(out.weight.abs().max().item(), out.bias.abs().max().item()) <= 0.04


def official_state(objective) -> dict[str, torch.Tensor]:
    """Random weights under the names of the authors' checkpoint."""
    generator = torch.Generator().manual_seed(5)
    names = [f"encoder.gru.{p}_l{i}{d}" for i in range(3) for d in ("", "_reverse") for p in PARTS]
    names += [f"decoder.gru.{p}_l0" for p in PARTS] + ["decoder.out.weight", "decoder.out.bias"]
    own = objective.state_dict()
    return {name: torch.randn(own[name].shape, generator=generator, dtype=torch.float64) for name in names}


PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def test_official_checkpoint_loads_into_encoder_and_objective():
    objective = make()
    state = official_state(objective)
    assert set(state) == set(objective.state_dict())
    checkpoint = {"epoch": 3, "model_state_dict": state, "optimizer_state_dict": {}, "loss": 0.5}
    assert load_reference(objective, checkpoint) is objective
    assert all(torch.equal(value, state[key]) for key, value in objective.state_dict().items())
    encoder = create_encoder("pc", **SMALL).double()
    assert load_reference(encoder, checkpoint) is encoder
    assert torch.equal(encoder(ragged_clip())[:, 0], objective.embed(ragged_clip()))


def test_official_checkpoint_of_another_size_is_refused():
    objective = make()
    state = official_state(objective)
    with pytest.raises(RecipeError, match=r"1 are missing, first decoder\.out\.bias"):
        load_reference(objective, {key: value for key, value in state.items() if key != "decoder.out.bias"})
    with pytest.raises(RecipeError, match=r"gru.weight_ih_l0 is \(15, 44\), not \(15, 34\)"):
        load_reference(create_encoder("pc", layout="coco-17", hidden=5), state)


def test_a_score_is_no_coordinate_and_depth_is():
    flat, deep = create_encoder("pc", hidden=4), create_encoder("pc", hidden=4, dimensions=3)
    assert (flat.size, deep.size) == (34, 51)
    clip = flat.example_input(2)
    other = clip.clone()
    other[..., 2] += 1
    assert torch.equal(flat(clip), flat(other))
    assert not torch.allclose(deep(clip), deep(other))


def test_real_frames():
    assert real_frames(ragged_clip()).tolist() == list(LENGTHS)
    assert real_frames(torch.zeros(2, 1, 4, 3, 2)).tolist() == [1, 1]
    hole = torch.ones(1, 2, 5, 3, 2)
    hole[:, :, 1] = 0
    hole[:, 0, 4:] = 0
    assert real_frames(hole).tolist() == [5]


def test_labels_are_not_read_and_classes_not_known():
    objective = make()
    assert not objective.labelled
    assert "label" not in objective.forward.__code__.co_names
    with pytest.raises(RecipeError, match="'predict-and-cluster' learnt without labels and knows no classes"):
        objective.scores(ragged_clip())


def test_autoencoder_by_its_equations_and_official_names():
    torch.manual_seed(0)
    encoder = create_encoder("pc", **SMALL)
    options = {"middle": 3, "widths": [6, 4]}
    objective = create_objective("code-autoencoder", encoder, None, vocabulary(), **options).double().train()
    clip = ragged_clip()
    names = [f"{part}.{i}.{kind}" for part in ("encoder", "decoder") for i in (0, 2, 4) for kind in ("weight", "bias")]
    ours = [f"{part}.{i}.{kind}" for part in ("narrow", "widen") for i in (0, 2, 4) for kind in ("weight", "bias")]
    own = objective.state_dict()
    state = {name: torch.randn_like(own[key]) for name, key in zip(names, ours, strict=True)}
    load_reference(objective, state)
    h = objective.encoder(clip)[:, 0]
    y = h
    for i in (0, 2, 4):
        y = torch.tanh(y @ state[f"encoder.{i}.weight"].T + state[f"encoder.{i}.bias"])
    assert torch.allclose(objective.embed(clip), y)
    for i in (0, 2, 4):
        y = y @ state[f"decoder.{i}.weight"].T + state[f"decoder.{i}.bias"]
        y = torch.tanh(y) if i < 4 else y
    loss = objective({"clip": clip})["reconstruction_loss"]
    assert loss.item() == pytest.approx(((y - h) ** 2).mean().item(), rel=1e-10)
    loss.backward()
    assert not any(p.requires_grad for p in objective.encoder.parameters())
    assert all(p.grad is not None for p in (*objective.narrow.parameters(), *objective.widen.parameters()))
    assert objective.parameter_groups()["encoder"] == []


@pytest.mark.parametrize("name", ["predict-and-cluster", "code-autoencoder", "u-s-vae"])
def test_describe_and_restore(name):
    torch.manual_seed(0)
    encoder = create_encoder("bilstm" if name == "u-s-vae" else "pc", **SMALL)
    objective = create_objective(name, encoder, None, vocabulary()).eval()
    again = restore(describe(objective)).eval()
    again.load_state_dict(objective.state_dict())
    clip = encoder.example_input(2)
    assert torch.equal(again.embed(clip), objective.embed(clip))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"decoder": "free"}, "decoder is fixed-weights or fixed-states, not 'free'"),
        ({"padding": "half"}, "padding is masked or released"),
        ({"target": "last"}, "target is next or released"),
        ({"frozen": "some"}, "frozen is variant or nothing or all"),
    ],
)
def test_other_options_are_refused(options, words):
    with pytest.raises(RecipeError, match=words):
        make(**options)


def test_other_encoders_are_refused():
    with pytest.raises(RecipeError, match="decodes skeleton sequences: encoder 'TinyEncoder' gives none"):
        create_objective("predict-and-cluster", TinyEncoder(), None, vocabulary())
    with pytest.raises(RecipeError, match="reads 'whole' sequences or as 'released', not 'half'"):
        create_encoder("pc", reading="half")
    with pytest.raises(RecipeError, match="2 or 3 dimensions, not 4"):
        create_encoder("pc", dimensions=4)


def vae(name="u-s-vae", **options):
    torch.manual_seed(0)
    encoder = create_encoder("bilstm", layout="imigue-22", hidden=4, layers=2)
    options = {"latent": 3, "hidden": 6, **options}
    return create_objective(name, encoder, None, vocabulary(), **options).double()


def plain_lstm(network, inputs):
    """Outputs of one layer of an LSTM by its equations."""
    w_x, w_h, b_x, b_h = network.all_weights[0]
    n = w_h.shape[1]
    h, c, outputs = torch.zeros(n, dtype=torch.float64), torch.zeros(n, dtype=torch.float64), []
    for x in inputs:
        i, f, g, o = (w_x @ x + b_x + w_h @ h + b_h).split(n)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        outputs.append(h)
    return outputs


@pytest.mark.parametrize("beta", [1.0, 0.25])
def test_vae_losses_are_those_of_the_equations(beta):
    objective, clip = vae(beta=beta), ragged_clip()
    torch.manual_seed(11)
    found = objective({"clip": clip})
    torch.manual_seed(11)
    noise = torch.randn(3, 3, dtype=torch.float64)
    parts, states = objective.vae, objective.encoder(clip)[:, 0]
    generation = divergence = 0.0
    for i, length in enumerate(LENGTHS):
        mean = parts.mean.weight @ states[i] + parts.mean.bias
        log_variance = parts.log_variance.weight @ states[i] + parts.log_variance.bias
        z = mean + torch.sqrt(torch.exp(log_variance)) * noise[i]
        inputs = [z, *[torch.zeros_like(z)] * (length - 1)]
        made = [parts.out.weight @ h + parts.out.bias for h in plain_lstm(parts.lstm, inputs)]
        frames = clip[i, 0, :length, :, :2].flatten(1)
        generation += sum(((m - x) ** 2).sum().item() for m, x in zip(made, frames, strict=True)) / length
        for m, s in zip(mean.tolist(), log_variance.tolist(), strict=True):
            divergence += 0.5 * (m * m + math.exp(s) - 1 - s)
    assert found["generation_loss"].item() == pytest.approx(generation / 3, rel=1e-9)
    assert found["kl_loss"].item() == pytest.approx(beta * divergence / 3, rel=1e-9)


def test_vae_code_is_the_mean_and_noise_carries_a_gradient():
    objective, clip = vae(), ragged_clip()
    states = objective.encoder(clip)[:, 0]
    assert torch.equal(objective.embed(clip), objective.vae.mean(states))
    objective({"clip": clip})["generation_loss"].backward()
    assert objective.vae.log_variance.weight.grad.abs().sum() > 0
    assert all(p.grad is not None and p.grad.any() for p in objective.encoder.parameters())


def test_supervised_vae_adds_the_cross_entropy():
    objective, clip = vae("s-vae"), ragged_clip()
    labels = torch.tensor([0, 3, 1])
    torch.manual_seed(2)
    found = objective({"clip": clip, "label": labels})
    logits = objective.scores(clip)
    expected = -torch.log_softmax(logits, 1)[range(3), labels].mean()
    assert found["classification_loss"].item() == pytest.approx(expected.item(), rel=1e-10)
    assert {"generation_loss", "kl_loss"} <= set(found)
    assert objective.labelled
    with pytest.raises(RecipeError, match="beta is 0 or more"):
        vae(beta=-1.0)


@pytest.mark.parametrize("name", ["u-s-vae", "s-vae"])
def test_reconstructions_are_called_so(name):
    assert "reconstruction" in type(vae(name)).__doc__
