"""`transformers serve`, as users start it, with a tiny chat model of random weights: nonsense is a recorded failure."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from microgesture import formats
from microgesture.commands.main import main
from microgesture.libraries.torchvision_loader import load_torchvision
from microgesture.reasoning.record import Explanation

pytestmark = pytest.mark.slow
CHAT = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"


def tiny_model(folder: Path) -> Path:
    """A Llama of a few thousand random weights and a tokenizer of bytes."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    load_torchvision()
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = {token: i for i, token in enumerate(["<end>", *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=tokens, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", pad_token="<end>")
    fast.chat_template = CHAT
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = LlamaConfig(vocab_size=len(tokens), max_position_embeddings=16384, eos_token_id=0, pad_token_id=0, **sizes)
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[tuple[str, Path]]:
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    model = tiny_model(tmp_path_factory.mktemp("tiny"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve = "from microgesture.libraries.torchvision_loader import load_torchvision as load; load()"
    serve += "; from transformers.cli.transformers import main; main()"
    command = [sys.executable, "-c", serve, "serve", str(model), "--host", "127.0.0.1", "--port", str(port)]
    quiet = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    log = model / "log.txt"
    with log.open("w") as file:
        process = subprocess.Popen(command, env={**os.environ, **quiet}, stdout=file, stderr=subprocess.STDOUT)
    try:
        for _ in range(240):
            assert process.poll() is None, log.read_text()
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health"):
                    break
            except OSError:
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1", model
    finally:
        process.terminate()
        process.wait(20)


def test_nonsense_is_a_recorded_failure(server, tmp_path, timeline, capsys):
    url, model = server
    formats.write(timeline, tmp_path / "timeline.json")
    command = ["explain", str(tmp_path / "timeline.json"), "--backend", "openai", "--base-url", url]
    assert main([*command, "--model", str(model), "--max-tokens", "24", "--timeout", "120"]) == 1
    record = Explanation.from_json(json.loads((tmp_path / "explanation.json").read_text()))
    assert record.status == "failed"
    assert (record.answer, record.reasons) == (None, ())
    assert len(record.attempts) == 2
    assert record.attempts[0].completion_tokens == 24
    assert "cut off" in record.problems[0] or "not JSON" in record.problems[0]
    assert "no explanation" in capsys.readouterr().out
    assert "No explanation" in (tmp_path / "report.html").read_text()


def test_a_model_that_it_does_not_have_is_one_line(server, tmp_path, timeline, capsys):
    formats.write(timeline, tmp_path / "timeline.json")
    command = ["explain", str(tmp_path / "timeline.json"), "--backend", "openai", "--base-url", server[0]]
    assert main([*command, "--model", "no/such-model", "--timeout", "60"]) == 2
    caught = capsys.readouterr().err
    assert caught.count("\n") == 1
    assert caught.startswith("microgesture: ")
