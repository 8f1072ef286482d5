"""`microgesture import-checkpoint`: the authors' files become runs that the other verbs open."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

import microgesture
from microgesture.commands.main import main
from microgesture.datasets import ClipDataset
from microgesture.datasets.manifest import ClipRow
from microgesture.encoders import create_encoder, create_text_encoder
from microgesture.errors import RecipeError
from microgesture.recognition import create_objective, reference
from microgesture.recognition.classifier import ReleasedHead
from microgesture.runs.configuration import make_recipe
from microgesture.runs.imports import import_run
from microgesture.runs.run import Run, Scores
from microgesture.training.loop import train
from microgesture.video import VideoReader, sample_times
from microgesture.video.transforms import to_clip
from microgesture.vocabulary import Vocabulary
from moving_squares import recipe_values

SMG = Vocabulary.load("smg")


@pytest.fixture(scope="module")
def folder():
    """A folder that goes when the tests end: these files are 125 MB each."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture(scope="module")
def model(folder):
    """An untrained model of the released size but for its text encoder; `model.pth` holds it as the authors do,
    `head.pth` a head for it, `distilbert` its text encoder as a local folder."""
    from transformers import PreTrainedTokenizerFast

    torch.manual_seed(3)
    texts = create_text_encoder("label-words", SMG.names)
    options = {"similarity": "released", "target": "released"}
    objective = create_objective("visual-text", create_encoder("r2plus1d_18"), texts, SMG, **options).eval()
    names = {"encoder.": "image_encoder.pretrained.", "prompt_generator.scale": "prompt_generator.alpha"}
    attention = "prompt_generator.decoder.0.cross_attn."
    names |= {f"prompt_generator.{part}.": f"{attention}{part[0]}_proj." for part in ("query", "key", "value")}
    state = {}
    for key, value in objective.state_dict().items():
        old = next((old for old in names if key.startswith(old)), "")
        state[names.get(old, "") + key.removeprefix(old)] = value
    torch.save(state, folder / "model.pth")
    torch.save(ReleasedHead(256, len(SMG)).state_dict(), folder / "head.pth")
    texts.model.save_pretrained(folder / "distilbert")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=texts.tokenizer, pad_token="[PAD]")
    tokenizer.save_pretrained(folder / "distilbert")
    return objective


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    real = reference.load_tokenizer

    def offline(name, *args, **kwargs):
        if name == reference.TEXT_MODEL:
            raise RecipeError(f"text encoder '{name}' cannot be downloaded (no network)")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(reference, "load_tokenizer", offline)


def test_a_model_with_its_tokenizer_reads_texts(model, folder, squares, capsys):
    out = folder / "run"
    argv = ["import-checkpoint", str(folder / "model.pth"), "-o", str(out)]
    assert main([*argv, "--text-encoder", str(folder / "distilbert")]) == 0
    said = capsys.readouterr().out
    assert "imported model with 17 classes" in said
    assert "in pixels of 0 to 255" in said
    analyzer = microgesture.load(str(out))
    assert analyzer.vocabulary.names == SMG.names
    event = analyzer.recognize(squares / "test_up_0.mp4", top=17)
    assert len({event.label, *(a.label for a in event.alternatives)}) == 17
    for key, value in model.state_dict().items():
        assert torch.equal(analyzer.run.objective.state_dict()[key], value), key
    config = json.loads((out / "config.json").read_text())
    assert config["finished"]
    assert config["recipe"]["title"] == "run"
    assert main(["recognize", str(squares / "test_up_0.mp4"), "--model", str(out), "--top", "2"]) == 0
    own = folder / "own.txt"
    own.write_text("crossing fingers\nmoving legs\n")
    argv = ["recognize", str(squares / "test_up_0.mp4"), "--model", str(out), "--vocabulary", str(own)]
    capsys.readouterr()
    assert main([*argv, "--format", "json"]) == 0
    readings = json.loads(capsys.readouterr().out)[0]["readings"]
    assert {reading["label"] for reading in readings} == {"crossing fingers", "moving legs"}


def test_an_import_never_overwrites_a_run(model, folder, recogniser, capsys):
    before = (recogniser / "config.json").read_bytes()
    assert main(["import-checkpoint", str(folder / "head.pth"), "-o", str(recogniser)]) == 2
    assert "already holds a run" in capsys.readouterr().err
    assert (recogniser / "config.json").read_bytes() == before


def test_a_model_with_its_head_classifies_without_a_tokenizer(model, folder, squares, capsys):
    out = folder / "with_head"
    argv = ["import-checkpoint", str(folder / "model.pth"), "--head", str(folder / "head.pth"), "-o", str(out)]
    assert main(argv) == 0
    said = capsys.readouterr().out
    assert "imported classifier with 17 classes" in said
    assert "what the authors' inference shows it" in said
    analyzer = microgesture.load(str(out))
    head = torch.load(folder / "head.pth", weights_only=True)
    assert torch.equal(analyzer.run.objective.head.fc.weight, head["fc.weight"])
    assert analyzer.run.objective.encoder.options == {"pixel_scale": 255.0}
    assert analyzer.recognize(squares / "test_up_0.mp4").label in SMG


def test_an_imported_model_sees_what_the_authors_inference_shows(model, folder, squares, monkeypatch):
    """Their frames: squashed to 224 x 224, resized to 128 x 171, the centre of 112 x 112."""
    from microgesture.libraries.torchvision_loader import load_torchvision

    load_torchvision()
    from torchvision.models.video import R2Plus1D_18_Weights

    out = folder / "shown"
    import_run(folder / "model.pth", out, text_encoder=str(folder / "distilbert"))
    analyzer, video = microgesture.load(str(out)), squares / "test_up_0.mp4"
    recipe = analyzer.run.recipe
    assert (recipe.data.crop, recipe.data.fit, recipe.data.size, recipe.data.frames) == ("released", "stretch", 112, 32)
    assert json.loads((out / "preprocessor.json").read_text())["scale"] == "0 to 255, then normalised"
    seen = []
    monkeypatch.setattr(Run, "score", lambda _, clips: seen.extend(clips) or Scores(np.zeros((len(clips), 17))))
    analyzer.recognize(video)
    analyzer.analyze(video)
    row = ClipRow(video, SMG.names[0], None, None)
    tested = ClipDataset([row], SMG, crop="released", fit="stretch")[0]["clip"]
    assert torch.equal(seen[0], tested)
    with VideoReader(video) as reader:
        frames = reader.frames_at(sample_times(0.0, reader.duration, 32))
    pictures = torch.from_numpy(frames).permute(0, 3, 1, 2)
    squashed = torch.nn.functional.interpolate(pictures, size=(224, 224), mode="bicubic", antialias=True)
    theirs = R2Plus1D_18_Weights.DEFAULT.transforms()(squashed)  # uint8 becomes 0..1: compared as the eye sees it
    assert (tested - theirs).abs().mean() < 0.07
    assert (seen[1].mean(1) - tested.mean(1)).abs().mean() < 0.15, "a window over all of it is the same part"
    for other in ("pad", "crop"):
        assert (to_clip(frames, 112, other) - theirs).abs().mean() > 0.2


def test_a_model_without_a_tokenizer_says_so_in_one_line(model, folder, squares, capsys):
    out = folder / "no_texts"
    assert main(["import-checkpoint", str(folder / "model.pth"), "-o", str(out)]) == 0
    assert "imported without a tokenizer" in capsys.readouterr().out
    assert main(["recognize", str(squares / "test_up_0.mp4"), "--model", str(out)]) == 2
    err = capsys.readouterr().err.strip()
    assert err.count("\n") == 0
    assert "tokenizer" in err


def test_a_head_alone_stands_on_the_encoder_of_a_run(model, folder, squares, capsys):
    texts = {"text": {"name": "label-words"}, "objective": {"name": "visual-text", "options": {"prompting": "none"}}}
    values = recipe_values(squares, title="stage 1", **texts)
    values["optimiser"] = {**values["optimiser"], "epochs": 1}
    start = train(make_recipe(values), folder / "stage1", show=False)
    out = folder / "on_start"
    assert main(["import-checkpoint", str(folder / "head.pth"), "--start", str(start), "-o", str(out)]) == 0
    capsys.readouterr()
    analyzer, stage1 = microgesture.load(str(out)), microgesture.load(str(start))
    assert analyzer.run.title == "on_start"
    assert analyzer.run.recipe.start == str(start)
    assert analyzer.vocabulary.names == SMG.names
    for part in ("encoder", "image_projection"):
        theirs = getattr(stage1.run.objective, part).state_dict()
        ours = getattr(analyzer.run.objective, part).state_dict()
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert analyzer.recognize(squares / "test_up_0.mp4").label in SMG


def test_a_head_without_an_encoder_says_that_it_is_untrained(model, folder):
    assert "untrained until stage 1 is loaded" in import_run(folder / "head.pth", folder / "head_alone")


def test_what_does_not_fit_is_one_line(model, folder, recogniser, capsys):
    head, whole = str(folder / "head.pth"), str(folder / "model.pth")
    narrow = folder / "narrow.pth"
    torch.save(ReleasedHead(128, len(SMG)).state_dict(), narrow)
    (folder / "text.pth").write_text("no weights")
    argvs = {
        "has 17 classes, the vocabulary 32": [head, "--vocabulary", "imigue"],
        "has no projection": [head, "--start", str(recogniser)],
        "'nowhere' is not a run folder": [head, "--start", "nowhere"],
        "--start is for a head alone": [whole, "--start", str(recogniser)],
        "is a head": [head, "--head", head],
        "takes 128 values": [whole, "--head", str(narrow)],
        "text.pth: not loaded": [str(folder / "text.pth")],
        "no vocabulary 'nothing'": [head, "--vocabulary", "nothing"],
    }
    for said, argv in argvs.items():
        assert main(["import-checkpoint", *argv, "-o", str(folder / "never")]) == 2
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1
        assert said in lines[0]
        assert not (folder / "never").exists()
