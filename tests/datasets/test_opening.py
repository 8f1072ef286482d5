"""`open_data` and `locate`: what is read as what, what is said, and runs that do not fit what was prepared."""

import json
import logging
from pathlib import Path

import pytest
from official_trees import write_pyskl_file
from smg_trees import write_class_folders, write_elan_folder, write_smg

from microgesture.corpora.opening import locate, open_data, read_mark
from microgesture.corpora.prepare import prepare
from microgesture.errors import DataError
from microgesture.runs.configuration import load_recipe
from microgesture.runs.data import open_manifest
from microgesture.runs.recipe_files import recipe_names


@pytest.fixture(scope="module")
def smg(tmp_path_factory) -> Path:
    return write_smg(tmp_path_factory.mktemp("data") / "SMG", rgb=False)


@pytest.fixture(scope="module")
def ready(smg, tmp_path_factory) -> Path:
    """SMG prepared by protocol "miga", its skeletons in metres."""
    return prepare(smg, tmp_path_factory.mktemp("ready"), protocol="miga").manifest.parent


def test_a_manifest_and_a_file_say_themselves_what_they_are(smg, ready, tmp_path):
    pickle = write_pyskl_file(tmp_path / "clips.pkl")
    assert locate(ready, "smg") == locate(ready / "manifest.csv", "smg") == (ready / "manifest.csv", "manifest")
    assert locate(str(pickle), "smg") == (pickle, "")
    assert locate(smg, "smg") == (smg, "smg")
    assert locate(smg) == (smg, "")
    assert locate(tmp_path / "nowhere", "smg") == (tmp_path / "nowhere", "smg")
    assert len(open_data(pickle, "smg")) == 54
    (tmp_path / "table").mkdir()
    (tmp_path / "table" / "manifest.parquet").touch()
    assert locate(tmp_path / "table") == (tmp_path / "table" / "manifest.parquet", "manifest")


@pytest.mark.parametrize("inside", ["", "manifest.csv"])
def test_another_protocol_than_the_prepared_one_is_refused(inside, ready):
    assert len(open_data(ready / inside, protocol="miga")) == len(open_data(ready / inside)) > 0
    with pytest.raises(DataError, match="was prepared with protocol 'miga', not with 'classification'") as caught:
        open_data(ready / inside, protocol="classification")
    assert "prepare another folder with --protocol classification" in str(caught.value)


def test_another_space_than_the_prepared_one_is_refused(ready):
    assert len(open_data(ready, space="metres")) == len(open_data(ready, space=""))
    with pytest.raises(DataError, match="prepared in metres, the recipe reads pixels") as caught:
        open_data(ready, space="pixels")
    assert "--data.space metres, or prepare another folder with --space pixels" in str(caught.value)


SMG = [name for name in recipe_names() if name.startswith("smg/")]


@pytest.mark.parametrize("name", SMG)
def test_every_recipe_of_smg_opens_what_prepare_makes_of_it(name, ready):
    assert len(open_manifest(load_recipe(name, ["--data.root", str(ready)]))) > 0


@pytest.mark.parametrize(
    ("name", "flags"), [("smg/stgcn", ["--data.space", "pixels"]), ("smg/baseline", ["--data.crop", "person"])]
)
def test_a_recipe_that_needs_pixels_says_so(name, flags, ready):
    with pytest.raises(DataError, match="prepared in metres, the recipe reads pixels"):
        open_manifest(load_recipe(name, ["--data.root", str(ready), *flags]))


@pytest.mark.parametrize(
    ("given", "subjects"),
    [
        ("36", ["36"]),
        ("36-37", ["36-37"]),
        ("[1, 36]", ["1", "36"]),
        ("[1-2, 36]", ["1-2", "36"]),
        ('["1-2"]', ["1-2"]),
        ("1,36", ["1", "36"]),
        ("[]", []),
    ],
)
def test_test_subjects_are_written_as_one_likes(given, subjects, ready):
    recipe = load_recipe("smg/stgcn", ["--data.root", str(ready), "--data.test_subjects", given])
    assert recipe.data.test_subjects == recipe.data.held_out == subjects
    tested = {row.subject for row in open_manifest(recipe).split("test")}
    assert tested == {"36": {"36"}, "1-2": {"1", "2"}}.get(given, tested)


def test_space_is_nothing_to_other_skeletons(tmp_path):
    prepare(write_class_folders(tmp_path / "mine", media="skeleton"), tmp_path / "out")
    for space in ("pixels", "metres"):
        assert len(open_data(tmp_path / "out", space=space)) == 6


def test_a_table_of_ones_own_has_no_protocol(tmp_path, caplog):
    made = prepare(write_class_folders(tmp_path / "mine", splits=True), tmp_path / "out", clips=False)
    (tmp_path / "out" / "prepared.json").unlink()
    assert read_mark(tmp_path / "out") == {}
    open_data(made.manifest, protocol="miga")
    assert "data.protocol 'miga' is not looked at" in caplog.text


def test_what_was_decided_is_said_once(smg, ready, tmp_path, caplog):
    caplog.set_level(logging.INFO, "microgesture.corpora.opening")
    open_data(smg)
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert f"{smg}: samples: found 5" in caplog.text
    assert "protocol 'classification'" in caplog.text
    caplog.clear()
    open_data(ready)
    assert "protocol 'miga'" in caplog.text
    assert "kept in metres" in caplog.text
    caplog.clear()
    open_data(write_pyskl_file(tmp_path / "clips.pkl"))
    assert "3 classes without names" in caplog.text


def test_held_out_clips_are_told_by_what_keeps_them_together(tmp_path, caplog):
    open_data(write_elan_folder(tmp_path / "elan"))
    assert "no row has a split" in caplog.text
    caplog.clear()
    open_data(write_pyskl_file(tmp_path / "ntu.pkl", ""))
    assert caplog.messages[-1].endswith(", whole subjects")
    open_data(write_pyskl_file(tmp_path / "own.pkl", "", names="own"))
    assert "people of the test clips are trained on too" in caplog.messages[-1]


def test_a_broken_mark_is_none(tmp_path):
    for text in ("", "[1]", json.dumps({"other": 1})):
        (tmp_path / "prepared.json").write_text(text)
        assert read_mark(tmp_path) == {}
