"""The authors' files: the head, and the model under the key names of its versions."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from authors_model import WORDS, Head, Model
from tiny_models import LABELS, vocabulary

from microgesture.encoders import create_encoder, create_text_encoder
from microgesture.errors import RecipeError
from microgesture.recognition import create_objective
from microgesture.recognition.classifier import ReleasedHead
from microgesture.recognition.reference import import_checkpoint, load_released_head
from microgesture.video.transforms import cut, released_box, to_clip
from microgesture.vocabulary import Vocabulary

RELEASED = {
    "visual_norm": "visual_feature_normalizer",
    "query_norm": "refinement_blocks.0.norm_for_attention",
    "ffn_norm": "refinement_blocks.0.norm_for_ffn",
    "query": "refinement_blocks.0.cross_attention.query_transform",
    "key": "refinement_blocks.0.cross_attention.key_transform",
    "value": "refinement_blocks.0.cross_attention.value_transform",
    "output": "refinement_blocks.0.cross_attention.output_projection",
    "ffn.0": "refinement_blocks.0.feed_forward_net.0",
    "ffn.2": "refinement_blocks.0.feed_forward_net.3",
    "scale": "prompt_scaling_factor",
}
X_CLIP = {
    "visual_norm": "norm",
    "query_norm": "decoder.0.norm1",
    "ffn_norm": "decoder.0.norm3",
    "query": "decoder.0.cross_attn.q_proj",
    "key": "decoder.0.cross_attn.k_proj",
    "value": "decoder.0.cross_attn.v_proj",
    "output": "decoder.0.cross_attn.proj",
    "ffn.0": "decoder.0.mlp.0",
    "ffn.2": "decoder.0.mlp.3",
    "scale": "alpha",
}
STAGES = ("stem", "layer1", "layer2", "layer3", "layer4")


@pytest.fixture
def tmp_path():
    """A folder that goes when the test ends: these files are 125 MB each, and pytest keeps its own for days."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def text_encoder():
    return create_text_encoder("label-words", LABELS)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(4)
    objective = create_objective(
        "visual-text",
        create_encoder("r2plus1d_18", pixel_scale=255.0),
        text_encoder(),
        vocabulary(),
        similarity="released",
    )
    for parameter in (*objective.prompt_generator.parameters(), *objective.image_projection.parameters()):
        torch.nn.init.normal_(parameter, std=0.1)
    return objective.eval()


def theirs(model, names, prefixes=("pretrained.", "net."), indexed=False):
    """The state of our model under the authors' names."""
    state = {}
    for key, value in model.state_dict().items():
        part, _, rest = key.partition(".")
        if part == "encoder":
            stage, _, inner = rest.partition(".")
            place = str(STAGES.index(stage)) if indexed else stage
            state.update({f"image_encoder.{prefix}{place}.{inner}": value for prefix in prefixes})
        elif part == "prompt_generator":
            name, dot, kind = rest.rpartition(".")
            state[f"prompt_generator.{names[name or rest]}{dot}{kind if dot else ''}"] = value
        else:
            state[key] = value
    state["text_encoder.model.embeddings.position_ids"] = torch.arange(8).unsqueeze(0)
    return state


def same(a, b):
    theirs_, ours = a.state_dict(), b.state_dict()
    return set(theirs_) == set(ours) and all(torch.equal(theirs_[k], ours[k]) for k in ours)


@pytest.mark.parametrize(
    ("names", "prefixes", "indexed"),
    [
        (RELEASED, ("pretrained.", "net."), False),
        (X_CLIP, ("model.",), False),
        (X_CLIP, ("model.",), True),
        (RELEASED, ("",), False),
        (RELEASED, ("module.net.",), True),
    ],
)
def test_model_under_their_names(model, tmp_path, names, prefixes, indexed):
    torch.save(theirs(model, names, prefixes, indexed), tmp_path / "CLIPmodel.pt")
    found = import_checkpoint(tmp_path / "CLIPmodel.pt", vocabulary(), text_encoder=text_encoder())
    assert found.kind == "model"
    assert same(found.objective, model)
    clip = model.encoder.example_input(2)
    with torch.no_grad():
        assert torch.allclose(found.objective.eval().scores(clip), model.scores(clip), rtol=1e-4, atol=1e-3)


@pytest.fixture(scope="module")
def authors() -> Model:
    return Model(seed=5).eval()


@pytest.fixture(scope="module")
def published(authors):
    """The authors' two files, made by their construction."""
    with tempfile.TemporaryDirectory() as folder:
        torch.save(authors.state_dict(), Path(folder, "CLIPmodel.pt"))
        head = Head(256, 4, classify=True).eval()
        torch.save(head.state_dict(), Path(folder, "Classifier.pt"))
        yield Path(folder), head


def test_their_construction_gives_the_keys_that_the_import_knows(authors):
    """Their encoder keeps the layer that it cuts off, and everything else twice."""
    keys = set(authors.state_dict())
    assert {"image_encoder.dummy_var.weight", "image_encoder.dummy_var.bias"} <= keys
    assert "image_encoder.pretrained.stem.0.weight" in keys
    assert "image_encoder.net.stem.0.weight" in keys
    assert not any(".fc." in key for key in keys if key.startswith("image_encoder"))


def test_their_model_and_head_give_their_numbers_from_their_pixels(authors, published):
    folder, head = published
    found = import_checkpoint(folder / "CLIPmodel.pt", vocabulary(), head=folder / "Classifier.pt")
    assert found.kind == "classifier"
    frames = np.random.default_rng(1).integers(0, 256, (8, 128, 171, 3), dtype=np.uint8)  # their sizes, so no scaling
    clip = to_clip(cut(frames, released_box((171, 128))), 112, "stretch").unsqueeze(0)
    with torch.no_grad():
        features = authors.image_encoder(torch.from_numpy(frames).permute(0, 3, 1, 2).unsqueeze(0).float())
        logits = head(authors.image_projection(features))
        assert torch.allclose(found.objective.eval().scores(clip), logits, rtol=1e-4, atol=1e-5)


def tokenizer_files(folder: Path, kind: str) -> Path:
    """A folder that holds a tokenizer and nothing else: its list of words, or what `save_pretrained` writes."""
    from transformers import DistilBertTokenizerFast

    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    if kind != "vocab.txt":
        DistilBertTokenizerFast.from_pretrained(str(folder)).save_pretrained(folder)
        (folder / "vocab.txt").unlink()
    if kind == "tokenizer.json":
        (folder / "tokenizer_config.json").unlink()
    return folder


@pytest.mark.parametrize("kind", ["vocab.txt", "tokenizer.json", "tokenizer.json and tokenizer_config.json"])
def test_a_folder_of_the_tokenizer_alone_is_enough(authors, published, tmp_path, kind):
    folder = tokenizer_files(tmp_path / "tokenizer", kind)
    text = import_checkpoint(
        published[0] / "CLIPmodel.pt", vocabulary(), text_encoder=str(folder)
    ).objective.text_encoder
    ids = torch.tensor([[WORDS.index(word) for word in ("[CLS]", "touching", "face", "[SEP]")]])
    with torch.no_grad():
        expected = authors.text_encoder.model(input_ids=ids).last_hidden_state[:, 0]
        assert torch.allclose(text.eval()(["Touching face"]), expected, atol=1e-5)
        assert torch.allclose(text(["Touching face", "hands"])[:1], expected, atol=1e-5), "padded with its own word"


def test_a_tokenizer_of_other_words_or_none_is_refused(published, tmp_path):
    folder = tokenizer_files(tmp_path / "tokenizer", "vocab.txt")
    (folder / "vocab.txt").write_text("\n".join(WORDS[:-1]) + "\n")
    with pytest.raises(RecipeError, match=r"knows 11 words, the text encoder of .*CLIPmodel\.pt 12"):
        import_checkpoint(published[0] / "CLIPmodel.pt", vocabulary(), text_encoder=str(folder))
    (folder / "vocab.txt").unlink()
    with pytest.raises(RecipeError, match=r"the tokenizer of text encoder '.*' cannot be loaded"):
        import_checkpoint(published[0] / "CLIPmodel.pt", vocabulary(), text_encoder=str(folder))


def test_data_parallel_wrapper_and_classification_layer(model, tmp_path):
    state = {f"module.{k}": v for k, v in theirs(model, X_CLIP, ("model.",)).items()}
    state["module.image_encoder.model.fc.weight"] = torch.zeros(400, 512)
    torch.save({"state_dict": state}, tmp_path / "m.pt")
    assert same(import_checkpoint(tmp_path / "m.pt", vocabulary(), text_encoder=text_encoder()).objective, model)


def test_model_without_prompts(model, tmp_path):
    state = {k: v for k, v in theirs(model, RELEASED).items() if not k.startswith("prompt_generator")}
    torch.save(state, tmp_path / "m.pt")
    objective = import_checkpoint(tmp_path / "m.pt", vocabulary(), text_encoder=text_encoder()).objective
    assert objective.prompt_generator is None


def test_unmatched_keys_are_all_listed(model, tmp_path):
    state = theirs(model, RELEASED)
    state["prompt_generator.refinement_blocks.1.norm_for_ffn.weight"] = torch.zeros(256)
    state["image_encoder.pretrained.extra.weight"] = torch.zeros(1)
    state["stranger"] = torch.zeros(1)
    state["image_encoder.net.stem.0.weight"] = torch.zeros(45, 3, 1, 7, 7)
    torch.save(state, tmp_path / "m.pt")
    with pytest.raises(RecipeError) as caught:
        import_checkpoint(tmp_path / "m.pt", vocabulary(), text_encoder=text_encoder())
    for part in (
        "4 keys do not fit",
        "prompt_generator.refinement_blocks.1.norm_for_ffn.weight is unknown",
        "image_encoder.pretrained.extra.weight is unknown",
        "stranger is unknown",
        "image_encoder.net.stem.0.weight contradicts another key for encoder.stem.0.weight",
    ):
        assert part in str(caught.value)


def test_missing_and_misshapen_keys_are_listed(model, tmp_path):
    state = theirs(model, X_CLIP, ("model.",))
    del state["prompt_generator.alpha"]
    state["image_projection.fc.bias"] = torch.zeros(3)
    torch.save(state, tmp_path / "m.pt")
    with pytest.raises(RecipeError) as caught:
        import_checkpoint(tmp_path / "m.pt", vocabulary(), text_encoder=text_encoder())
    assert "prompt_generator.scale is missing" in str(caught.value)
    assert "image_projection.fc.bias is (3,), not (256,)" in str(caught.value)


def test_without_network_the_model_comes_without_tokenizer(model, tmp_path, monkeypatch):
    def no_network(_name):
        raise RecipeError("text encoder cannot be downloaded")

    monkeypatch.setattr("microgesture.recognition.reference.load_tokenizer", no_network)
    torch.save(theirs(model, RELEASED), tmp_path / "m.pt")
    found = import_checkpoint(tmp_path / "m.pt", vocabulary())
    assert any("without a tokenizer" in note for note in found.notes)
    clip = model.encoder.example_input(1)
    with torch.no_grad():
        assert torch.allclose(found.objective.eval().embed(clip), model.embed(clip), atol=1e-4)
        with pytest.raises(RecipeError, match="has no tokenizer"):
            found.objective.scores(clip)


@pytest.fixture
def head(tmp_path):
    torch.manual_seed(1)
    head = ReleasedHead(256, 17).eval()
    torch.save(head.state_dict(), tmp_path / "Classifier.pt")
    return head


def test_head_alone(head, tmp_path):
    smg = Vocabulary.from_texts(f"gesture {i}" for i in range(17))
    found = import_checkpoint(tmp_path / "Classifier.pt", smg)
    assert found.kind == "head"
    assert same(found.objective.head, head)
    assert "untrained" in found.notes[0]
    x = torch.randn(3, 256)
    assert torch.equal(load_released_head(tmp_path / "Classifier.pt").eval()(x), head(x))


def test_head_with_another_number_of_classes(head, tmp_path):
    with pytest.raises(RecipeError, match=r"Classifier\.pt: has 17 classes, the vocabulary 4"):
        import_checkpoint(tmp_path / "Classifier.pt", vocabulary())


def test_model_with_head(model, tmp_path):
    torch.manual_seed(2)
    head = ReleasedHead(256, 4).eval()
    torch.save(head.state_dict(), tmp_path / "Classifier.pt")
    torch.save(theirs(model, RELEASED), tmp_path / "m.pt")
    found = import_checkpoint(
        tmp_path / "m.pt", vocabulary(), head=tmp_path / "Classifier.pt", text_encoder=text_encoder()
    )
    assert found.kind == "classifier"
    clip = model.encoder.example_input(2)
    with torch.no_grad():
        assert torch.allclose(found.objective.eval().scores(clip), head(model.embed(clip)), atol=1e-4)


@pytest.mark.parametrize("state", [{"conv.weight": torch.zeros(1)}, {"projection.weight": torch.zeros(1)}])
def test_other_files(tmp_path, state):
    torch.save(state, tmp_path / "other.pt")
    with pytest.raises(RecipeError, match=r"neither a released model .* nor a released head"):
        import_checkpoint(tmp_path / "other.pt", vocabulary())
    with pytest.raises(RecipeError, match="is not a released head"):
        load_released_head(tmp_path / "other.pt")
