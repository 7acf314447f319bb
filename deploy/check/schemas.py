"""Every object against the schema of its kind, strictly and offline: unknown fields are refused."""

import json

import jsonschema
import kubernetes_validate

from objects import name

# The oldest Kubernetes that the manifests are for, and a current one.
VERSIONS = ["1.29", "1.37"]

# What was found valid: `breakages` checks almost the same objects many times.
VALID = set()


def check(objects, folder):
    for each in objects:
        text = json.dumps(each, sort_keys=True)
        if text in VALID:
            continue
        problems = list(problems_of(each, folder))
        if not problems:
            VALID.add(text)
        yield from problems


def problems_of(each, folder):
    group, _, version = each["apiVersion"].rpartition("/")
    own = folder / f"{group}_{version}_{each['kind']}.json"
    if own.exists():
        yield from against(each, json.loads(own.read_text(encoding="utf-8")), name(each))
        return
    for kubernetes in VERSIONS:
        try:
            kubernetes_validate.validate(each, kubernetes, strict=True)
        except kubernetes_validate.ValidationError as error:
            place = ".".join(str(step) for step in error.path)
            yield f"{name(each)}: {place}: {error.message} (Kubernetes {kubernetes})"
        except kubernetes_validate.SchemaNotFoundError:
            yield f"{name(each)}: there is no schema of {each['apiVersion']} {each['kind']}; custom ones are in k8s/schemas"


def against(value, schema, what):
    validator = jsonschema.validators.validator_for(schema)
    for error in validator(schema).iter_errors(value):
        place = ".".join(str(step) for step in error.absolute_path)
        yield f"{what}: {place}: {error.message}"
