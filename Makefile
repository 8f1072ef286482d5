# Two commands: `make demo` and `make test`. Both set up what they need in .venv first.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
POSE := $(VENV)/.pose

.PHONY: setup demo demo-training test test-slow lint wheel check-wheel pretrain clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer was not found; set PYTHON=/path/to/python"; exit 1; }
	"$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $(READY)

# the pose estimator, where it can be installed (Python 3.11 and 3.12); without it the demo reads the skeleton
$(POSE): $(READY)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[pose]' || \
	  echo "the pose estimator cannot be installed here: the demo reads a skeleton in place of the video"
	touch $(POSE)

demo: $(POSE)
	$(BIN)/microgesture demo -o demo-output

# all three stages trained from nothing, with the table of methods: about ten minutes
demo-training: $(READY)
	$(BIN)/microgesture demo --training -o demo-training-output

test: $(READY)
	$(BIN)/python -m pytest -m "not slow" -n auto --dist loadfile

test-slow: $(READY)
	$(BIN)/python -m pytest -m slow

lint: $(READY)
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy

# the weights in src/microgesture/weights, made again from a seed into pretraining/ (hours on two cores)
pretrain: $(READY)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev,pose]'
	$(BIN)/python -m microgesture.pretraining pretraining

wheel: $(READY)
	rm -rf dist
	$(BIN)/python -m build --wheel --outdir dist .

# every module of the built wheel imports, from the wheel and not from the source tree
check-wheel: wheel
	rm -rf build/wheel && mkdir -p build/wheel
	$(BIN)/python -m pip install --quiet --no-deps --target build/wheel dist/*.whl
	$(BIN)/python -P tests/import_every_module.py build/wheel

clean:
	rm -rf $(VENV) dist build demo-output demo-training-output pretraining
