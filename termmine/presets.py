"""What can be set?

The stages, their parameters and the presets; values are checked as the stages will read them, before anything runs.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import yaml

from termmine import candidates, contrast, datasets, discovery, embedding, expansion, learning
from termmine.errors import InputError, UnknownParameterError, shown

NOTEBOOKS = {
    "discovery": "01_discovery",
    "contrast": "02_contrast",
    "embedding": "03_embedding",
    "expansion": "04_expansion",
    "evaluation": "05_evaluation",
}
PRESETS = ("best", "classic")  # the first is the default

Parameters = Mapping[str, Mapping[str, object]]  # stage -> name -> value


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases: a few of them stand for more than memory holds, or for what holds itself."""

    def compose_node(self, parent: object, index: object) -> yaml.Node:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias (*) is not taken")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        written = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := [key for key in written if written.count(key) > 1]:
            raise yaml.YAMLError(f"{twice[0]} is said twice")
        return super().construct_mapping(node, deep=deep)


def read_yaml(text: str) -> object:
    """What YAML says, in plain types.

    Raises
    ------
    ValueError : it cannot be read
    """
    try:
        return yaml.load(text, _PlainLoader)
    # ValueError: no such date, 5,000 digits; RecursionError: 1,000 brackets
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())[:120]) from None


def notebook_path(stage: str) -> Path:
    """The committed notebook of a stage."""
    return datasets.shipped(f"notebooks/{NOTEBOOKS[stage]}.ipynb")


def read_preset(name: str) -> dict[str, dict[str, object]]:
    """A preset's parameters, stage → name → value.

    Raises
    ------
    InputError : there is no such preset
    """
    if name not in PRESETS:
        raise InputError(f"there is no preset {name!r}; there are: {', '.join(PRESETS)}")
    return json.loads(datasets.shipped(f"data/presets/{name}.json").read_text(encoding="utf-8"))


def check_parameters(parameters: Parameters, preset: str = PRESETS[0]) -> None:
    """Refuse what papermill would only warn about, and values that, over a preset's, the stage would refuse later.

    Raises
    ------
    UnknownParameterError : a stage or a parameter that does not exist
    InputError : a value of the wrong type or out of its range, or no such preset
    """
    defaults = read_preset(preset)
    for stage, values in parameters.items():
        if stage not in NOTEBOOKS:
            raise UnknownParameterError(f"there is no stage {stage!r}; the stages are: {', '.join(NOTEBOOKS)}")
        check_stage(stage, values, defaults[stage])
    merged = merge(defaults, parameters)
    if merged["expansion"]["method"] == "pu" and merged["contrast"]["units"] != "phrases":
        raise InputError(
            "expansion.method=pu needs contrast.units=phrases, whose evidence it learns from; "
            "for words set expansion.method to transitive, centroid, ensemble or walk"
        )


def check_stage(stage: str, values: Mapping[str, object], defaults: Mapping[str, object]) -> None:
    """Refuse values of one stage whose names, types or ranges do not fit.

    Raises
    ------
    UnknownParameterError, InputError : as ``check_parameters``
    """
    for name, value in values.items():
        if name not in defaults:
            raise UnknownParameterError(f"{stage} has no parameter {name!r}; it has: {', '.join(defaults)}")
        check_type(f"{stage}.{name}", value, defaults[name])
    _check_ranges(stage, defaults | values)


def check_type(name: str, value: object, default: object) -> None:
    """Refuse a value of another type than a parameter's default.

    Raises
    ------
    InputError : it is not of that type
    """
    if default == "auto":
        wanted = (int,) if name.endswith("min_count") else (int, float)
        if value != "auto" and type(value) not in wanted:
            raise InputError(f"{name} must be of type {wanted[-1].__name__}, or auto, got {shown(value)}")
        return
    numbers = value.values() if isinstance(value, dict) else [value]
    if any(type(number) is int and abs(number) >= 1 << 63 for number in numbers):
        raise InputError(f"{name} must be less than 2^63, got {shown(value)}")
    wanted = type(default)
    if wanted is float and type(value) is int:
        return
    if type(value) is not wanted:
        raise InputError(f"{name} must be of type {wanted.__name__}, got {shown(value)}")
    if wanted is list and not all(isinstance(item, str) for item in value):
        raise InputError(f"{name} must be a list of words, got {shown(value)}")


_POSITIVE = (
    *("min_len", "topn", "n_seeds", "pool", "min_term_len", "max_terms", "min_reference_count", "max_phrases"),
    "n_judged",
)


def _one_of(name: str, value: object, allowed: Iterable[str]) -> None:
    if value not in allowed:
        raise InputError(f"{name} must be {' or '.join(allowed)}, got {shown(value)}")


def _build(config: Callable[..., object], values: Mapping[str, object]) -> None:
    """Let a config check those of the values that it has."""
    config(**{name: value for name, value in values.items() if name in config.__dataclass_fields__})


def _check_contrast(values: Mapping[str, object]) -> None:
    _one_of("units", values["units"], ("phrases", "words"))
    _one_of("score", values["score"], ("termhood", *contrast.MEASURES))
    if values["score"] == "termhood" and values["units"] != "phrases":
        raise InputError("score=termhood needs contrast.units=phrases; give another contrast.score for words")
    _build(candidates.PhraseConfig, values)


def _check_embedding(values: Mapping[str, object]) -> None:
    _one_of("units", values["units"], ("phrases", "words"))
    _build(embedding.EmbeddingConfig, values)
    if values["units"] == "phrases" and values["method"] != "ppmi-svd":
        raise InputError(f"method must be ppmi-svd for phrases, got {values['method']!r}; or set embedding.units=words")


def _check_expansion(values: Mapping[str, object]) -> None:
    _one_of("method", values["method"], ("pu", "transitive", *expansion.METHODS))
    _build(expansion.ExpansionConfig, values)
    _build(learning.LearningConfig, values)


_CONFIGS: dict[str, Callable[[Mapping[str, object]], object]] = {
    "discovery": lambda values: discovery.make_config(**values),
    "contrast": _check_contrast,
    "embedding": _check_embedding,
    "expansion": _check_expansion,
}


def _check_ranges(stage: str, values: Mapping[str, object]) -> None:
    """Build the stage's config as its notebook will."""

    try:
        _CONFIGS.get(stage, lambda values: None)(values)
        for name in ("compare_documents", "curve_draws", "samples"):
            if values.get(name, 0) < 0:
                raise InputError(f"{name} must be 0 or more, got {shown(values[name])}")
        for name in _POSITIVE:
            if values.get(name, 1) < 1:
                raise InputError(f"{name} must be 1 or more, got {shown(values[name])}")
    except InputError as error:
        raise InputError(f"{stage}.{error}") from None
    except TypeError as error:  # e.g. a threshold table of strings
        raise InputError(f"{stage}: a value has the wrong type: {error}") from None


def merge(*layers: Parameters) -> dict[str, dict[str, object]]:
    """Parameters by stage, later layers over earlier ones, every stage present."""
    return {stage: {k: v for layer in layers for k, v in layer.get(stage, {}).items()} for stage in NOTEBOOKS}
