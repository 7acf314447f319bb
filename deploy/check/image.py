"""What is run is in the image."""

import re

from objects import command, containers, name, runs_carillon, workloads


def binaries(root):
    """Stage of deploy/Dockerfile to the packages that are built in it."""
    stages = re.split(r"^FROM ", (root / "deploy/Dockerfile").read_text(encoding="utf-8"), flags=re.M)
    text = {stage.split()[2]: stage for stage in stages[1:] if len(stage.split()) > 2}
    return {stage: set(re.findall(r"target/release/(carillon\S*)", body)) for stage, body in text.items()}


def check(root, objects):
    built = binaries(root)
    for workload in workloads(objects):
        for container in containers(workload):
            if runs_carillon(container):
                stage = "build-sandbox" if "sandbox" in container["image"] else "build"
                if command(container)[0] not in built[stage]:
                    yield f"{name(workload)}: {command(container)[0]} is not in its image"
    if "carillon-sandbox" in built["build"]:
        yield "deploy/Dockerfile: the sandbox is in the image of production"
