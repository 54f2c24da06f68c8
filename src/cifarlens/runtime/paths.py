"""Every path that more than one file needs, relative to the project's root."""

from pathlib import Path

PARAMS = Path("params.yaml")
LOCK = Path("requirements.lock")

ARCHIVES = Path("data/archive")  # kept downloads, no output of any stage
DATASET = Path("data/dataset")
TEST_LOGITS = Path("data/evaluation/test_logits.npy")
CHECKPOINTS = Path("checkpoints")  # no output either: see training/one_cycle/checkpoint.py
LOGS = Path("logs")
MODEL = Path("models")
SPACE = Path("space")

STATS_METRICS = Path("metrics/stats.json")
LR_FIND_METRICS = Path("metrics/lr_find.json")
TRAIN_METRICS = Path("metrics/train.json")
EVALUATE_METRICS = Path("metrics/evaluate.json")

LR_CURVE = Path("reports/plots/lr_find.csv")
HISTORY = Path("reports/plots/train.csv")
RATES = Path("reports/plots/lr.csv")

REPORT = Path("reports/index.html")

RUN_LOG = Path("logs/runs.jsonl")  # times and machines: they vary, so no stage's output
RUN_PAGE = Path("logs/runs.html")  # the same for people
LOCKS = Path(".dvc/tmp/stages")  # one process a stage; DVC ignores its tmp folder, and so does git
