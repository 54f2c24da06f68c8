"""Defines the paths that several modules use, relative to the project's root."""

from pathlib import Path

PARAMS = Path("params.yaml")
LOCK = Path("requirements.lock")

ARCHIVES = Path("data/archive")  # downloads; not an output of a stage
DATASET = Path("data/dataset")
STATS = Path("data/stats.json")
TEST_LOGITS = Path("data/evaluation/test_logits.npy")
CHECKPOINTS = Path("checkpoints")  # not an output: see training/one_cycle/checkpoint.py
LOGS = Path("logs")
MODEL = Path("models")
MODEL_CARD = Path("models/README.md")
SPACE = Path("space")

LR_FIND_METRICS = Path("metrics/lr_find.json")
TRAIN_METRICS = Path("metrics/train.json")
EVALUATE_METRICS = Path("metrics/evaluate.json")

LR_CURVE = Path("reports/plots/lr_find.csv")
HISTORY = Path("reports/plots/train.csv")
RATES = Path("reports/plots/lr.csv")
TRUST = Path("reports/plots/trust.csv")

REPORT = Path("reports/index.html")

RUN_LOG = Path("logs/runs.jsonl")  # not an output: times and machines vary
RUN_PAGE = Path("logs/runs.html")  # the run log as a page
LOCKS = Path(".dvc/tmp/stages")  # a lock for each stage; DVC and git ignore .dvc/tmp
