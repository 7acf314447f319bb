"""The objects of a rendered overlay, and what they run."""

import yaml


def load(path):
    with open(path, encoding="utf-8") as file:
        return [each for each in yaml.safe_load_all(file) if each is not None]


def name(each):
    return f"{each['kind']} {each['metadata']['name']}"


def of_kind(objects, *kinds):
    return [each for each in objects if each["kind"] in kinds]


def called(objects, kind, wanted):
    found = [each for each in of_kind(objects, kind) if each["metadata"]["name"] == wanted]
    return found[0] if found else None


def workloads(objects):
    return of_kind(objects, "Deployment", "StatefulSet", "Job")


def pod(workload):
    return workload["spec"]["template"]["spec"]


def labels(workload):
    return workload["spec"]["template"]["metadata"].get("labels", {})


def containers(workload):
    spec = pod(workload)
    return spec.get("initContainers", []) + spec["containers"]


def command(container):
    return container.get("command", []) + container.get("args", [])


def runs_carillon(container):
    return command(container)[:1] != [] and command(container)[0].startswith("carillon")


def environment(objects, container):
    """Name to value, those of a ConfigMap included; None for what comes from elsewhere."""
    values = {}
    for source in container.get("envFrom", []):
        settings = called(objects, "ConfigMap", source["configMapRef"]["name"])
        values.update(settings["data"] if settings else {})
    for each in container.get("env", []):
        values[each["name"]] = each.get("value")
    return values


def queues(workload):
    """What a worker takes from, or None if it is no worker."""
    for container in pod(workload)["containers"]:
        words = command(container)
        if words[:1] == ["carillon-worker"]:
            return words[words.index("--queues") + 1].split(",") if "--queues" in words else []
    return None


def matches(selector, of):
    """Whether labels are selected; an empty selector selects everything."""
    for key, value in selector.get("matchLabels", {}).items():
        if of.get(key) != value:
            return False
    for rule in selector.get("matchExpressions", []):
        operator, value = rule["operator"], of.get(rule["key"])
        kept = {
            "In": lambda: value in rule["values"],
            "NotIn": lambda: value not in rule["values"],
            "Exists": lambda: value is not None,
            "DoesNotExist": lambda: value is None,
        }[operator]()
        if not kept:
            return False
    return True
