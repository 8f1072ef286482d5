"""`microgesture data check` and `data prepare`."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from smg_trees import write_class_folders, write_smg

from microgesture.commands.main import main


@pytest.fixture(scope="session")
def smg(tmp_path_factory) -> Path:
    return write_smg(tmp_path_factory.mktemp("data") / "SMG", rgb=False)


@pytest.fixture
def broken(smg, tmp_path) -> Path:
    root = Path(shutil.copytree(smg, tmp_path / "SMG"))
    with (root / "Sample0002" / "Sample0002_finelabels.csv").open("a") as file:
        file.write("18,1,2\n3,900,950\n")
    with (root / "Sample0003" / "Sample0003_skeleton.csv").open("a") as file:
        file.write(",".join(["nan"] * 275) + "\n")
    return root


@pytest.mark.parametrize("named", [True, False])
def test_a_clean_data_set(named, smg, capsys):
    assert main(["data", "check", *(["smg"] if named else []), str(smg)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{smg}: smg\n")
    assert "samples: found 5, published 40 (they differ)" in said
    assert "20 clips (train 12, test 8)" in said
    assert said.endswith("nothing wrong\n")


def test_everything_wrong_is_listed_with_file_and_row(broken, capsys):
    assert main(["data", "check", "smg", str(broken)]) == 1
    lines = capsys.readouterr().out.splitlines()
    labels, skeleton = (broken / f"Sample000{n}" / f"Sample000{n}_{kind}.csv" for n, kind in _KINDS)
    assert f"{labels}: row 5: label number 18 is not in vocabulary 'smg'" in lines
    assert f"{labels}: row 6: frame 950 is past the end: 112 frames by _data.csv" in lines
    assert any(line.startswith(f"warning: {skeleton}: row 113: values that are no numbers") for line in lines)
    assert lines[-1] == "2 errors, 2 warnings"


_KINDS = ((2, "finelabels"), (3, "skeleton"))


def test_warnings_alone_are_clean(broken, capsys):
    shutil.rmtree(broken / "Sample0002")
    assert main(["data", "check", str(broken)]) == 0
    assert capsys.readouterr().out.endswith("2 warnings\n")


def test_json(broken, capsys):
    assert main(["data", "check", str(broken), "--json", "--protocol", "classification"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["layout"], said["clips"], said["unlabelled"]) == ("smg", {"train": 12, "test": 8}, 0)
    assert [problem["row"] for problem in said["problems"] if problem["error"]] == [5, 6]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["check"], "ROOT"),
        (["check", "smg"], "no folder: microgesture data check smg FOLDER"),
        (["check", "nowhere"], "nowhere: no such file or folder"),
        (["check", "egypt", "."], "no data set layout 'egypt': known are class_folders, elan, imigue"),
        (["check", "."], "no known data set layout in it"),
        (["check", "smg", "a", "b"], "'b' is too much"),
        (["check", "nowhere", "--vocabulary", "none.txt"], "no vocabulary 'none.txt'"),
        (["prepare", "smg", "."], "-o"),
        (["prepare", "nowhere", "-o", "out", "--frames", "0"], "0 frames"),
        (["prepare", "nowhere", "-o", "out", "--frames", "many"], "many"),
        (["fly"], "fly"),
        ([], "ACTION"),
        (["check", ".", "--fast"], "--fast"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_code_2(argv, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["data", *argv]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert said in lines[0]


def test_a_protocol_that_is_none(smg, capsys):
    assert main(["data", "check", str(smg), "--protocol", "mine"]) == 2
    assert "no protocol 'mine' of SMG" in capsys.readouterr().err


@pytest.mark.parametrize("order", [0, 1, 2])
def test_prepare_with_options_anywhere(order, smg, tmp_path, capsys):
    out = ["-o", str(tmp_path / "out")]
    words = ["smg", str(smg)]
    argv = [[*words, *out], [*out, *words], [words[0], *out, words[1]]][order]
    assert main(["data", "prepare", *argv, "--no-clips"]) == 0
    said = capsys.readouterr().out
    assert "20 clips; 5 skeleton files converted" in said
    assert (tmp_path / "out" / "manifest.csv").is_file()


@pytest.mark.parametrize(("flags", "space"), [([], "metres"), (["--space", "pixels"], "pixels")])
def test_prepare_says_in_which_space_kinect_skeletons_are(flags, space, smg, tmp_path, capsys):
    assert main(["data", "prepare", "smg", str(smg), "-o", str(tmp_path / "out"), "--no-clips", *flags]) == 0
    assert f"  Kinect skeletons are kept in {space}" in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "prepared.json").read_text())["space"] == space


def test_prepare_leaves_out_what_is_broken_and_says_so(broken, tmp_path, capsys):
    assert main(["data", "prepare", str(broken), "-o", str(tmp_path / "out"), "--protocol", "miga"]) == 1
    said = capsys.readouterr().out
    assert "row 5: label number 18" in said
    assert said.endswith("2 errors, 2 warnings: what they are about is left out\n")


def test_prepare_with_a_vocabulary_and_small_clips(tmp_path, capsys):
    root = write_class_folders(tmp_path / "mine", classes=("Folding arms", "Crossing legs"), splits=True)
    argv = ["data", "prepare", str(root), "-o", str(tmp_path / "out"), "--vocabulary", "smg"]
    assert main([*argv, "--frames", "4", "--size", "16"]) == 0
    assert "clips of test, train decoded" in capsys.readouterr().out
    assert len(json.loads((tmp_path / "out" / "vocabulary.json").read_text())["classes"]) == 17
    sizes = {path.stat().st_size for path in (tmp_path / "out" / "cache").glob("*.npy")}
    assert 128 + 6 * 8 * 16 * 16 * 3 in sizes


def test_checking_imports_no_torch(smg):
    code = f"import sys; from microgesture.commands.main import main; main(['data', 'check', {str(smg)!r}])\n"
    code += "print([m for m in ('torch', 'transformers', 'matplotlib') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("[]")
