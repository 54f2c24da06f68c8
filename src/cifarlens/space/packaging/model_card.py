"""Writes the model card: the README.md of the model bundle, with Hugging Face's own fields."""

from collections.abc import Mapping, Sequence

import jinja2
from huggingface_hub import EvalResult, ModelCardData

from ...display.formats import probability
from ...sources import SOURCES
from ..app import about
from ..app.contents import MODEL, Contents
from .runs import describe_runs

MODEL_CARD = f"{MODEL}/README.md"  # in the Space
TEMPLATE = "cifarlens/space/packaging/templates/model_card.md.j2"
TASK = "image-classification"
METRICS = {  # type and name by the key in metrics/evaluate.json
    "accuracy": ("accuracy", "Accuracy"),
    "loss": ("cross_entropy", "Cross-entropy in nats"),
    "calibration_error": ("expected_calibration_error", "Expected calibration error"),
}


def render_model_card(
    contents: Contents,
    source: str,
    runs: Sequence[Mapping[str, str]],
    environment: jinja2.Environment,
) -> str:
    """Returns the card as Markdown.

    Args:
        contents: the packaged Space; the card repeats its facts.
        source: where the data came from, a key of `SOURCES`.
        runs: this run and others of the same recipe, see `read_runs`, or nothing.
        environment: finds the template.
    """
    dataset, test = SOURCES[source], contents.card.test
    results = [
        EvalResult(
            task_type=TASK,
            task_name="Image classification",
            dataset_type=dataset.hub_id or source,
            dataset_name=dataset.title,
            dataset_split="test",
            metric_type=kind,
            metric_name=name,
            metric_value=test[key],
        )
        for key, (kind, name) in METRICS.items()
    ]
    architecture = contents.bundle.config.architecture
    metadata = ModelCardData(
        license="mit",
        library_name="pytorch",
        pipeline_tag=TASK,
        tags=[TASK, "safetensors", "grad-cam", "cifarlens"],
        datasets=[dataset.hub_id] if dataset.hub_id else None,
        metrics=["accuracy"],
        model_name=f"{architecture} on {dataset.title}",
        eval_results=results,
    )
    return environment.get_template(TEMPLATE).render(
        architecture=architecture,
        classes=contents.classes,
        dataset=dataset,
        fit=contents.card.fit,
        metadata=metadata.to_yaml(),
        runs=describe_runs(runs),
        sections={name: s.markdown() for name, s in about.sections(contents).items()},
        size=contents.bundle.config.image_size,
        temperature=contents.bundle.temperature,
        wrong=probability(1 - test["accuracy"], 1),
    )
