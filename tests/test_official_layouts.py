"""Every official layout from its folder to the challenge's file: check, prepare, train, evaluate, submit."""

import json
import zipfile

import pytest
from official_trees import write_imigue_miga, write_imigue_openpose, write_letter_clips, write_pyskl_file
from smg_trees import write_class_folders, write_elan_folder, write_ma52, write_smg, write_smg_miga

from microgesture.commands.main import main

SKELETON = {
    "extends": "skeleton/stgcn",
    "encoder": "{name: edgcn, options: {first_width: 8}}",
    "data": "{frames: 8}",
    "optimiser": "{batch: 8, epochs: 1, least_steps: 0}",
}
SPACE = {"data": "{frames: 8, space: metres}"}  # what a prepared SMG holds
RGB = {
    "extends": "demo/baseline",
    "start": "''",
    "encoder": "{name: r2plus1d_small, options: {channels: [4, 4, 8, 8]}}",
    "data": "{frames: 4, size: 32, random_crop: 0.0}",
    "optimiser": "{batch: 8, epochs: 1}",
}
CASES = {
    "imigue": (write_imigue_miga, SKELETON, "miga2025"),
    "imigue-rgb": (write_imigue_miga, RGB, "miga2023"),
    "imigue-openpose": (write_imigue_openpose, SKELETON, "miga2025"),
    "smg": (write_smg, SKELETON | SPACE, "miga2024"),
    "smg-rgb": (write_smg, RGB, "miga2024"),
    "smg-miga": (lambda root: write_smg_miga(root, test=(36,)), SKELETON | SPACE, ""),
    "ma52": (write_ma52, RGB, "ma52"),
    "letter_clips": (write_letter_clips, RGB, "miga2025"),
    "class_folders": (lambda root: write_class_folders(root, splits=True), RGB, ""),
    "elan": (write_elan_folder, RGB, ""),
    "pyskl": (lambda root: write_pyskl_file(root / "clips.pkl"), SKELETON, "miga2025"),
}


@pytest.mark.parametrize("case", CASES)
def test_from_the_owners_folder_to_the_challenge(case, tmp_path, capsys):
    write, recipe, challenge = CASES[case]
    (tmp_path / "data").mkdir()
    made = write(tmp_path / "data")
    root = made if case == "pyskl" else tmp_path / "data"
    yaml = tmp_path / "tiny.yaml"
    yaml.write_text("".join(f"{key}: {value}\n" for key, value in recipe.items()))
    assert main(["data", "check", str(root)]) == 0, capsys.readouterr().out
    ready = tmp_path / "ready"
    assert main(["data", "prepare", str(root), "-o", str(ready), "--frames", "4", "--size", "32"]) == 0
    for data, out in ((ready, tmp_path / "run"), (root, tmp_path / "raw")):
        assert main(["train", str(yaml), "--data.root", str(data), "-o", str(out)]) == 0, capsys.readouterr().err
        assert main(["evaluate", str(out)]) == 0, capsys.readouterr().err
    prepared, raw = (json.loads((tmp_path / r / "evaluation/metrics.json").read_text()) for r in ("run", "raw"))
    assert prepared["metrics"]["clips"] == raw["metrics"]["clips"] > 0
    assert prepared["metrics"]["top1"] == pytest.approx(raw["metrics"]["top1"])
    if challenge:
        for run in ("run", "raw"):
            zipped = tmp_path / f"{run}.zip"
            ask = ["submit", str(tmp_path / run), "--challenge", challenge, "-o", str(zipped)]
            code = main(ask)
            if code == 2 and "no test clip without a label" in capsys.readouterr().err:
                code = main([*ask, "--split", "test"])
            assert code == 0, capsys.readouterr().err
        texts = []
        for run in ("run", "raw"):
            with zipfile.ZipFile(tmp_path / f"{run}.zip") as archive:
                texts.append(archive.read(archive.namelist()[0]).decode())
        assert texts[0] == texts[1]
        assert len(texts[0].splitlines()) >= 2
