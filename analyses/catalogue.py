"""What there is: every kind of thing that a command or a configuration can name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from analyses.settings import Preset, Profile, RunSettings
from ml2o_core.spec import Registered

Kind = Literal[
    "families",
    "rules",
    "methods",
    "meta-gradients",
    "statements",
    "artefacts",
    "presets",
    "profiles",
]


@dataclass(frozen=True)
class Entry:
    """One thing: its name, one line about it, and what a program would want to know."""

    name: str
    summary: str
    details: dict[str, Any] = field(default_factory=dict)


def catalogue(kind: Kind) -> list[Entry]:
    """Everything of one kind, in the order of its registry."""
    return _CATALOGUES[kind]()


def first_line(thing: object) -> str:
    """The first line of a docstring."""
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def _options(member: type[Registered]) -> dict[str, Any]:
    """A spec's fields."""
    return {
        name: {
            "required": info.is_required(),
            "default": to_jsonable_python(default_of(info), fallback=str),
            "description": info.description,
        }
        for name, info in member.model_fields.items()
    }


def default_of(info: FieldInfo) -> Any:
    """A field's default value; None where it has none."""
    return None if info.is_required() else info.get_default(call_default_factory=True)


def _parameters(constructor: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(constructor).parameters.values()
    return [p.name for p in parameters if p.kind is not p.VAR_KEYWORD]


def _families() -> list[Entry]:
    from ml2o_core.tasks import TaskFamily

    return [
        Entry(
            name,
            first_line(member),
            {
                "distributions": {
                    distribution: _parameters(constructor)
                    for distribution, constructor in member.distributions().items()
                },
                "options": _options(member),
            },
        )
        for name, member in TaskFamily.registry().items()
    ]


def _rules() -> list[Entry]:
    from ml2o_core.optimizers import UpdateRule

    return [
        Entry(name, first_line(member), {"learned": member.learned, "options": _options(member)})
        for name, member in UpdateRule.registry().items()
    ]


def _methods() -> list[Entry]:
    from ml2o_core.methods import METHODS

    training = {
        "none": "no meta-training",
        "plain": "plain meta-training",
        "meta": "Algorithm 1 (MAML), or the profile's variant of it",
        "first-order": "Algorithm 1 with the first-order meta-gradient",
    }
    return [
        Entry(
            name,
            f"{method.label}: {training[method.pretraining]}, "
            f"{'then adaptation' if method.adapts else 'no adaptation'}.",
            {"pretraining": method.pretraining, "adapts": method.adapts},
        )
        for name, method in METHODS.items()
    ]


def _meta_gradients() -> list[Entry]:
    from ml2o_core.meta.base import MetaGradient

    return [
        Entry(name, first_line(member), {"options": _options(member)})
        for name, member in MetaGradient.registry().items()
    ]


def _statements() -> list[Entry]:
    from ml2o_theory.registry import assumptions, statements

    assumed = [
        Entry(
            name,
            f"Assumption {name}: {member.title}.",
            {
                "kind": "assumption",
                "number": name,
                "latex": member.latex,
                "hypotheses": list(member.hypotheses),
                "constants": list(member.constants),
                "levels": [],
                "file": member.file,
                "test": member.test,
            },
        )
        for name, member in assumptions().items()
    ]
    stated = [
        Entry(
            name,
            f"{' = '.join((statement.number, *statement.also))}: {statement.title}.",
            {
                "kind": "statement",
                "number": statement.number,
                "also": list(statement.also),
                "latex": statement.latex,
                "hypotheses": list(statement.hypotheses),
                "constants": list(statement.constants),
                "levels": [level.value for level in statement.levels],
                "file": statement.file,
                "test": statement.test,
            },
        )
        for name, statement in statements().items()
    ]
    return assumed + stated


def _artefacts() -> list[Entry]:
    from analyses.artefact import Artefact

    return [
        Entry(
            name,
            f"{member.title}.",
            {
                "chapter": str(member.chapter),
                "profiles": [str(profile) for profile in member.profiles],
                "presets": [str(preset) for preset in member.presets],
                "devices": list(member.devices),
            },
        )
        for name, member in Artefact.registry().items()
    ]


def _presets() -> list[Entry]:
    from analyses.publish import LEADS

    return [Entry(str(preset), lead) for preset, lead in LEADS.items()]


PROFILES = {
    Profile.PAPER: "The paper's text; ours where it is silent.",
    Profile.RELEASED: "The authors' released code, where it differs from the text.",
    Profile.MATCHED: "As paper, with equal gradient evaluations for every method.",
}


def _profiles() -> list[Entry]:
    return [
        Entry(str(profile), meaning, {"resolved": _resolved(profile)})
        for profile, meaning in PROFILES.items()
    ]


def _resolved(profile: Profile) -> dict[str, Any]:
    """What a profile resolves to at the paper's size; of other trainings, how they differ."""
    from analyses.profiles import plan

    whole = plan(RunSettings(preset=Preset.PAPER, profile=profile)).model_dump(mode="json")
    meta = whole["meta"]
    for name in ("plain", "first_order"):
        if (other := whole[name]) is None:
            del whole[name]
        else:
            whole[name] = {key: value for key, value in other.items() if value != meta[key]}
    return whole


_CATALOGUES: dict[Kind, Callable[[], list[Entry]]] = {
    "families": _families,
    "rules": _rules,
    "methods": _methods,
    "meta-gradients": _meta_gradients,
    "statements": _statements,
    "artefacts": _artefacts,
    "presets": _presets,
    "profiles": _profiles,
}
