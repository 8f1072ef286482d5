"""CdCLR: losses against float64 transcriptions, queue and momentum by hand, clips, order, official names, learning."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from microgesture.encoders import create_encoder, load_reference
from microgesture.encoders.sequence_encoder import real_frames
from microgesture.errors import RecipeError
from microgesture.recognition import create_objective
from microgesture.recognition.cdclr import sorted_by_start
from microgesture.recognition.momentum import KeyQueue, follow
from microgesture.recognition.views import crop, distort, draw_crops
from moving_vocabulary import VOCABULARY

V = 17


def objective(reading="whole", layers=1, hidden=6, queue=16, **options):
    torch.manual_seed(5)
    encoder = create_encoder("cdclr-gru", hidden=hidden, layers=layers, reading=reading)
    return create_objective("cdclr", encoder, None, VOCABULARY, queue=queue, width=8, **{"size": 16, **options})


def clips(rows=5, frames=24, seed=0):
    return torch.randn(rows, 1, frames, V, 3, generator=torch.Generator().manual_seed(seed))


def units(rows, seed):
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(rows, 8, generator=generator, dtype=torch.float64), dim=1)


def test_each_loss_is_its_equation():
    learner = objective(inter=0.5, intra=2.0, order=3.0, temperature_intra=0.2).double()
    B = 4
    q = tuple(units(B, seed) for seed in (1, 2, 3))
    k = [tuple(units(B, 10 * i + seed) for seed in (1, 2, 3)) for i in (1, 2, 3)]
    last = torch.tensor([0, 1, 1, 0])
    found = learner.losses(q, k, last)
    queue = learner.queue.memory.numpy()
    f, g, o = (x.numpy() for x in q)
    keys = [[x.numpy() for x in each] for each in k]
    inter, intra, order = [], [], []
    for i in range(3):
        for b in range(B):
            above = math.exp(f[b] @ keys[i][0][b] / 0.07)
            inter.append(-math.log(above / (above + sum(math.exp(f[b] @ n / 0.07) for n in queue))))
    for i in (1, 2):
        for b in range(B):
            near = math.exp(g[b] @ keys[0][1][b] / 0.2)
            intra.append(-math.log(near / (near + math.exp(g[b] @ keys[i][1][b] / 0.2))))
    weight, bias = (p.detach().numpy() for p in learner.heads.fc_order_classifier.parameters())
    for b in range(B):
        logits = weight @ np.concatenate([o[b], keys[1][2][b], keys[2][2][b]]) + bias
        order.append(-logits[last[b]] + math.log(np.exp(logits).sum()))
    wanted = {"inter_loss": 0.5 * np.mean(inter), "intra_loss": 2 * np.mean(intra), "order_loss": 3 * np.mean(order)}
    for name, value in wanted.items():
        assert found[name].item() == pytest.approx(value, abs=1e-12 if name != "order_loss" else 1e-6), name


def test_only_the_queries_learn():
    learner = objective()
    losses = learner({"clip": clips()})
    sum(value for name, value in losses.items() if name.endswith("_loss")).backward()
    grads = {name: p.grad for name, p in learner.named_parameters()}
    assert all((grad is None) == name.startswith("key_") for name, grad in grads.items())
    assert not any(p.requires_grad for p in (*learner.key_encoder.parameters(), *learner.key_heads.parameters()))
    assert {p for group in learner.parameter_groups().values() for p in group} == {
        *learner.encoder.parameters(),
        *learner.heads.parameters(),
    }


def test_a_weight_of_0_leaves_a_loss_out():
    assert set(objective(order=0.0)({"clip": clips()})) == {"inter_loss", "intra_loss"}  # as the released training
    with pytest.raises(RecipeError, match="none below 0 and not all 0"):
        objective(inter=0.0, intra=0.0, order=0.0)


def test_queue_and_momentum_after_two_steps_by_hand():
    """Batches of 2 put 6 keys each into a queue of 8: the second goes round its end; keys of a step are made before the
    key encoder follows, and enter the queue after the step's loss."""
    learner = objective(queue=8, momentum=0.9)
    memory = learner.queue.memory.clone()
    by_hand = {name: p.clone() for name, p in learner.key_heads.named_parameters()}
    recurrent = learner.key_encoder.gru.weight_hh_l0.clone()
    optimizer = torch.optim.SGD(learner.parameters(), lr=0.5)
    expected = memory.clone()
    for step in range(2):
        batch = {"clip": clips(2, seed=step)}
        torch.manual_seed(step)
        (_, *views), _ = learner.views(batch["clip"])
        with torch.no_grad():
            keys = torch.cat([learner.key_heads(learner.key_encoder.pool(learner.key_encoder(v)))[0] for v in views])
        for row, key in enumerate(keys):
            expected[(6 * step + row) % 8] = key
        by_hand = {name: 0.9 * by_hand[name] + 0.1 * p for name, p in learner.heads.named_parameters()}
        recurrent = 0.9 * recurrent + 0.1 * learner.encoder.gru.weight_hh_l0
        torch.manual_seed(step)
        losses = learner(batch)
        optimizer.zero_grad()
        sum(v for name, v in losses.items() if name.endswith("_loss")).backward()
        optimizer.step()
        assert torch.allclose(learner.queue.memory, expected, atol=1e-6)
        assert int(learner.queue.pointer) == 6 * (step + 1) % 8
    assert torch.equal(learner.queue.memory[4:6], expected[4:6])
    assert not torch.allclose(learner.queue.memory[:4], memory[:4])
    for name, p in learner.key_heads.named_parameters():
        assert torch.allclose(p, by_hand[name], atol=1e-6), name
    assert torch.allclose(learner.key_encoder.gru.weight_hh_l0, recurrent, atol=1e-6)
    assert not torch.allclose(learner.key_encoder.gru.weight_hh_l0, learner.encoder.gru.weight_hh_l0, atol=1e-4)


def test_more_keys_than_fit_leave_the_last():
    queue, keys = KeyQueue(4, 2), torch.arange(14.0).view(7, 2)
    queue.put(keys[:3])
    queue.put(keys)
    assert {tuple(row.tolist()) for row in queue.memory} == {tuple(row.tolist()) for row in keys[3:]}
    assert int(queue.pointer) == 10 % 4
    assert torch.equal(queue.memory[(int(queue.pointer) - 1) % 4], keys[-1])
    one, two = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    wanted = 0.75 * one.weight + 0.25 * two.weight
    follow(one, two, 0.75)
    assert torch.allclose(one.weight, wanted)


def test_a_crop_is_interpolated_as_the_authors_have_it():
    clip = clips(3, 20)
    starts, lengths = torch.tensor([0, 4, 7]), torch.tensor([20, 9, 1])
    found = crop(clip, starts, lengths, 16)
    for row in range(3):
        part = clip[row, :, starts[row] : starts[row] + lengths[row]]
        flat = part.permute(0, 2, 3, 1).reshape(1, -1, int(lengths[row]))
        wanted = F.interpolate(flat, size=16, mode="linear", align_corners=False)
        assert torch.allclose(found[row], wanted.view(1, V, 3, 16).permute(0, 3, 1, 2), atol=1e-6)


def test_lengths_and_starts_stay_within_the_clip():
    torch.manual_seed(0)
    starts, lengths = draw_crops(torch.full((4000,), 40), 3, (0.1, 1.0), 8)
    assert int(lengths.min()) == 8
    assert int(lengths.max()) == 39  # floor of what is below 40
    assert int(starts.min()) == 0
    assert bool((starts + lengths <= 40).all())
    assert int((starts + lengths).max()) == 40
    assert abs(float((lengths == 8).float().mean()) - (9 / 40 - 0.1) / 0.9) < 0.02
    _, short = draw_crops(torch.full((50,), 5), 3, (0.1, 1.0), 8)
    assert bool((short == 5).all())


def test_the_query_is_the_first_or_the_last_of_three_clips(monkeypatch):
    """Coordinates that are the time tell where a view begins."""
    learner = objective()
    time = torch.arange(200.0)[None, None, :, None, None].expand(300, 1, 200, V, 3).clone()
    torch.manual_seed(1)
    views, _ = learner.views(time)
    assert [view.shape for view in views] == [(300, 1, 16, V, 3)] * 4
    assert not torch.equal(views[0], views[1])  # two distortions of one clip
    monkeypatch.setattr("microgesture.recognition.cdclr.distort", lambda part, *_: part)
    torch.manual_seed(1)
    (q, sf, d1, d2), last = learner.views(time)
    torch.manual_seed(1)
    ranked = draw_crops(torch.full((300,), 200), 3, learner.scale, learner.least)[0].sort(1).values
    assert torch.equal(q, sf)
    assert 100 < int(last.sum()) < 200
    for row in range(300):
        wanted = (2, 0, 1) if last[row] else (0, 1, 2)
        for view, place in zip((q, d1, d2), wanted, strict=True):
            begins = view[row, 0, 0, 0, 0]
            assert ranked[row, place] <= begins <= ranked[row, place] + 6  # the middle of the first part


def test_zeros_behind_a_clip_are_no_part_of_it(monkeypatch):
    clip = clips(40, 30)
    clip[:20, :, 12:] = 0.0
    assert real_frames(clip).tolist() == [12] * 20 + [30] * 20
    monkeypatch.setattr("microgesture.recognition.cdclr.distort", lambda part, *_: part)
    torch.manual_seed(0)
    views, _ = objective().views(clip)
    assert all((view[..., 0] != 0).all() for view in views)


def test_equal_starts_are_clips_of_their_own_unless_as_released():
    starts = torch.tensor([[4, 0, 4], [1, 1, 1], [5, 3, 9]])
    assert sorted_by_start(starts).tolist() == [[1, 0, 2], [0, 1, 2], [1, 0, 2]]
    assert sorted_by_start(starts, "released").tolist() == [[1, 2, 2], [2, 2, 2], [1, 0, 2]]


@pytest.mark.parametrize(("channels", "dimensions"), [(2, 2), (3, 2), (3, 3)])
def test_distortions_are_matrices_on_joints_the_same_in_all_frames(channels, dimensions):
    torch.manual_seed(2)
    clip = torch.rand(400, 2, 3, V, channels) + 0.5
    found, kinds = distort(clip, dimensions, 0.5), []
    for before, after in zip(clip, found, strict=True):
        changed = (before[..., :dimensions] != after[..., :dimensions]).any(-1)
        assert bool((changed.any(0).any(0) == changed.all(0).all(0)).all())  # a joint in all frames or in none
        joints = changed[0, 0]
        if not after[..., :dimensions][:, :, joints].any():
            kinds.append("gone")
            assert int(joints.sum()) == round(V / 2)
            assert channels == dimensions or not after[:, :, joints, dimensions:].any()
        else:
            kinds.append("sheared" if joints.all() else "broken")
            assert joints.all() or int(joints.sum()) == round(V / 2)
            points, moved = (x[..., :dimensions].reshape(-1, dimensions).double() for x in (before, after))
            here = joints.repeat(6)
            matrix = torch.linalg.lstsq(points[here], moved[here]).solution
            assert torch.allclose(points[here] @ matrix, moved[here], atol=1e-4)
            assert float(matrix.abs().max()) <= 1 + 1e-4
            if kinds[-1] == "sheared":
                assert torch.allclose(matrix.diagonal(), torch.ones(dimensions).double(), atol=1e-4)
            assert torch.equal(before[..., dimensions:], after[..., dimensions:])
    shares = {kind: kinds.count(kind) / 400 for kind in ("gone", "broken", "sheared")}
    assert 0.18 < shares["gone"] < 0.32
    assert 0.18 < shares["broken"] < 0.32
    assert 0.42 < shares["sheared"] < 0.58


def test_views_are_a_function_of_the_seed_alone():
    learner, clip = objective(), clips()
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        found.append(torch.cat([v.flatten() for v in learner.views(clip)[0]]))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_half_precision_touches_neither_places_nor_products():
    learner, clip = objective(), clips(12)
    found = []
    for enabled in (False, True):
        torch.manual_seed(4)
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            found.append((learner.views(clip)[0], learner.queue.products(F.normalize(torch.randn(3, 8), dim=1))))
    assert all(torch.equal(a, b) for a, b in zip(found[0][0], found[1][0], strict=True))
    assert torch.equal(found[0][1], found[1][1])


def test_what_cannot_be_is_said():
    with pytest.raises(RecipeError, match=r"clips of 8 frames have no parts of 8 that differ: raise data.frames"):
        objective()({"clip": clips(2, 8)})
    encoder = create_encoder("stgcn")
    with pytest.raises(RecipeError, match=r"give --objective.options.dimensions 2 \(x, y and a score\) or 3"):
        create_objective("cdclr", encoder, None, VOCABULARY, queue=4)
    create_objective("cdclr", encoder, None, VOCABULARY, queue=4, dimensions=2)
    with pytest.raises(RecipeError, match="encoder 'r2plus1d_small' reads pictures"):
        create_objective("cdclr", create_encoder("r2plus1d_small"), None, VOCABULARY)
    with pytest.raises(RecipeError, match="momentum from 0 to 1"):
        objective(momentum=1.5)
    with pytest.raises(RecipeError, match="scale is two ascending shares"):
        objective(scale=[0.5, 0.2])
    with pytest.raises(RecipeError, match="learnt without labels and knows no classes"):
        objective().scores(clips())


def official_names(learner):
    """The state dictionary of a `cdclr` objective as the authors' `MemorySeCo` names it."""
    names = {"encoder.": "encoder_q.encoder.", "heads.": "encoder_q.", "key_encoder.": "encoder_k.encoder."}
    names |= {"key_heads.": "encoder_k.", "queue.memory": "memory"}
    state = {"params": torch.tensor([-1])}
    for key, value in learner.state_dict().items():
        ours = next((each for each in names if key.startswith(each)), None)
        if ours:
            state[names[ours] + key.removeprefix(ours)] = value
    return {"epoch": 3, "state_dict": state, "optimizer": {}}


@pytest.mark.parametrize("mlp", [False, True])
def test_official_names_load(mlp):
    theirs, ours = objective("released", 2, mlp=mlp), objective("released", 2, mlp=mlp)
    for p in ours.parameters():
        p.data.normal_()
    ours.queue.pointer.fill_(3)
    checkpoint = official_names(theirs)
    first = "encoder_q.encoder.gru.weight_ih_l0"
    assert {first, "encoder_k.fc_order_classifier.bias", "memory"} <= set(checkpoint["state_dict"])
    assert load_reference(ours, checkpoint) is ours
    assert all(torch.equal(value, ours.state_dict()[key]) for key, value in theirs.state_dict().items())
    alone = create_encoder("cdclr-gru", hidden=6, layers=2, reading="released")
    assert load_reference(alone, checkpoint) is alone
    assert torch.equal(alone(clips()), theirs.encoder(clips()))
    del checkpoint["state_dict"]["encoder_q.fc_intra.bias"]
    with pytest.raises(RecipeError, match=r"1 are missing, first heads.fc_intra.bias"):
        load_reference(ours, checkpoint)


def test_the_linear_evaluations_names_load_with_their_head():
    theirs = create_encoder("cdclr-gru", hidden=6)
    state = {f"encoder.{key}": value for key, value in theirs.state_dict().items()}
    state |= {"fc.weight": torch.randn(4, 12), "fc.bias": torch.randn(4)}
    network = load_reference(create_encoder("cdclr-gru", hidden=6), state)
    code = theirs.pool(theirs(clips()))
    assert torch.allclose(network(clips()), code @ state["fc.weight"].T + state["fc.bias"], atol=1e-6)


@pytest.mark.parametrize("layers", [1, 3])
def test_released_reading_is_a_frame_a_call(layers):
    """The released loop, written anew on the same weights: one frame a call, both halves keep their states."""
    torch.manual_seed(0)
    encoder = create_encoder("cdclr-gru", hidden=5, layers=layers, reading="released")
    clip = clips(3, 9)
    frames = clip[..., :2].permute(0, 2, 3, 4, 1).flatten(2)
    states, outputs = None, []
    for t in range(9):
        output, states = encoder.gru(frames[:, t : t + 1], states)
        outputs.append(output)
    assert torch.allclose(encoder(clip), torch.cat(outputs, 1), atol=1e-6)
    assert torch.allclose(encoder.pool(encoder(clip)), outputs[-1][:, 0], atol=1e-6)
    whole = create_encoder("cdclr-gru", hidden=5, layers=layers)
    whole.load_state_dict(encoder.state_dict())
    last = whole.gru(frames)[1]
    assert torch.allclose(whole.pool(whole(clip)), torch.cat([last[-2], last[-1]], 1), atol=1e-6)
    assert not torch.allclose(whole.pool(whole(clip)), encoder.pool(encoder(clip)), atol=1e-3)


def test_a_score_is_not_read_and_a_depth_is():
    torch.manual_seed(0)
    flat, deep = create_encoder("cdclr-gru", hidden=4), create_encoder("cdclr-gru", hidden=4, dimensions=3)
    one = clips(2)
    other = one.clone()
    other[..., 2] += 1
    assert torch.equal(flat(one), flat(other))
    assert not torch.equal(deep(one), deep(other))
