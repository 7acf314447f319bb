"""Checks what operators deploy, without a cluster: k8s/, docker-compose.yml, deploy/Dockerfile.

    python check.py --variables FILE --queues NAME,…

FILE is what `carillon config print --schema` prints. Prints a line for each problem and exits with 1 if
there is one.
"""

import argparse
import sys
from pathlib import Path

# Nothing is left behind in the checkout.
sys.dont_write_bytecode = True

try:
    import tomllib
except ModuleNotFoundError:
    # Before Python 3.11; check-jsonschema brings it.
    import tomli as tomllib

import breakages
import compose
import image
import network
import pods
import references
import rendered
import scaling
import schemas
import settings
from objects import load

ROOT = Path(__file__).resolve().parent.parent.parent


class Facts:
    """What is known of the binaries."""

    def __init__(self, variables, queues):
        self.variables = variables
        self.queues = queues
        self.defaults = tomllib.loads((ROOT / "crates/runtime/src/settings/default.toml").read_text(encoding="utf-8"))


def overlay(objects, facts, is_production):
    yield from schemas.check(objects, ROOT / "k8s/schemas")
    yield from pods.check(objects, facts.defaults)
    yield from references.check(objects, facts.variables, is_production)
    yield from settings.check(objects, facts.variables)
    yield from scaling.check(objects, facts.queues, is_production)
    yield from network.check(objects)
    yield from image.check(ROOT, objects)


def everything(facts):
    for path in sorted((ROOT / "k8s/rendered").glob("*.yaml")):
        objects = load(path)
        for problem in overlay(objects, facts, path.stem == "production"):
            yield f"{path.stem}: {problem}"
        if path.stem == "production":
            page = (ROOT / "docs/deploying.md").read_text(encoding="utf-8")
            for secret in sorted(references.secret_names(objects)):
                if f"`{secret}`" not in page:
                    yield f"docs/deploying.md does not say what the Secret {secret} is"
    yield from compose.check(ROOT, facts.variables, facts.defaults)
    program = rendered.kubectl()
    if program:
        yield from rendered.check(ROOT, program)
    else:
        print("There is no kubectl of 1.27 or later: whether k8s/rendered is up to date was not checked.", file=sys.stderr)
    yield from breakages.check(load(ROOT / "k8s/rendered/production.yaml"), lambda objects: overlay(objects, facts, True))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--variables", required=True, type=Path)
    arguments.add_argument("--queues", required=True)
    given = arguments.parse_args()
    facts = Facts(set(given.variables.read_text(encoding="utf-8").split()), given.queues.split(","))
    problems = list(everything(facts))
    print("\n".join(problems) if problems else "ok")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
