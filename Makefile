# The two commands of the README, and what they are made of. Needs Python 3.11 or newer and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT := demo

.PHONY: demo test check build fuzz fuzz-onnx fuzz-models clean

# Prune ResNet-50, tune it for this machine, check it against ONNX Runtime, time it beside its peers; then trained networks
# on real images: how often they are right, dense and pruned, and how fast.
demo: $(VENV)/demo
	mkdir -p $(OUT)
	$(BIN)/colonnade bench resnet50 --sparsity 0,0.5,0.75 --against onnxruntime,openvino,mnn,ncnn \
	    --json $(OUT)/resnet50.json --plot $(OUT)/resnet50.png >$(OUT)/resnet50.txt
	@cat $(OUT)/resnet50.txt
	$(BIN)/colonnade demo --json $(OUT)/trained.json --plot $(OUT)/trained.png >$(OUT)/trained.txt
	@cat $(OUT)/trained.txt
	@echo "Tables, numbers and plots: $(OUT)/resnet50 and $(OUT)/trained, .txt, .json and .png"

test: $(VENV)/test
	tests/install-tools
	$(MAKE) check
	$(BIN)/python -m pytest -n auto --dist worksteal -q

check: $(VENV)/test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# Hostile model files under sanitizers (docs/fuzzing.md), as long as you like: make fuzz MINUTES=30.
MINUTES ?= 5
fuzz: $(VENV)/test
	tests/install-tools
	PYTHONPATH=tests $(BIN)/python tests/fuzz/campaign.py --minutes $(MINUTES)

# Mutated ONNX files for the importer: make fuzz-onnx FILES=100000.
FILES ?= 20000
fuzz-onnx: $(VENV)/test
	PYTHONPATH=tests:tests/graph $(BIN)/python tests/graph/mutate_onnx.py --files $(FILES) --compile

# Random ONNX models against ONNX Runtime, on one core: make fuzz-models COUNT=10000.
COUNT ?= 2000
FIRST ?= 0
fuzz-models: $(VENV)/test
	PYTHONPATH=tests:tests/networks $(BIN)/python tests/networks/fuzz_models.py --first $(FIRST) --count $(COUNT)

# The native library again, after a change to its sources.
build:
	$(BIN)/pip install -q -e .

$(VENV)/demo $(VENV)/test: pyproject.toml hatch_build.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --no-deps pnnx
	$(BIN)/pip install -q -e '.[$(@F)]'
	touch $@

clean:
	rm -rf $(VENV) $(OUT) src/colonnade/_native
