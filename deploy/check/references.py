"""What names something else names what is there."""

from objects import (called, containers, environment, labels, matches, name, of_kind, pod,
                     runs_carillon, workloads)
from settings import names_a_secret


def check(objects, variables, is_production):
    yield from secrets_are_made_elsewhere(objects, is_production)
    for workload in workloads(objects):
        what = name(workload)
        account = pod(workload).get("serviceAccountName")
        if account and not called(objects, "ServiceAccount", account):
            yield f"{what}: there is no ServiceAccount {account}"
        for volume in pod(workload).get("volumes", []):
            if "configMap" in volume and not called(objects, "ConfigMap", volume["configMap"]["name"]):
                yield f"{what}: there is no ConfigMap {volume['configMap']['name']}"
        for container in containers(workload):
            for source in container.get("envFrom", []):
                if not called(objects, "ConfigMap", source["configMapRef"]["name"]):
                    yield f"{what}: there is no ConfigMap {source['configMapRef']['name']}"
            yield from secret_files(objects, workload, container, variables, is_production)
    yield from services(objects)
    yield from budgets(objects)


def secrets_are_made_elsewhere(objects, is_production):
    for secret in of_kind(objects, "Secret"):
        if is_production:
            yield f"{name(secret)}: a secret of production is in the repository"


def secret_names(objects):
    """Every Secret that pods and custom resources expect."""
    names = set()

    def walk(value, under=""):
        if isinstance(value, dict):
            for key, inner in value.items():
                if key == "secretName" or (key == "name" and under.lower().endswith(("secret", "secretkeyref"))):
                    names.add(inner)
                walk(inner, key)
        elif isinstance(value, list):
            for inner in value:
                # secretTargetRef is a list of names.
                if under == "secretTargetRef":
                    names.add(inner["name"])
                walk(inner, under)

    for each in objects:
        if each["kind"] != "Secret":
            walk(each)
    return names


def secret_files(objects, workload, container, variables, is_production):
    mounts = {mount["name"]: mount["mountPath"] for mount in container.get("volumeMounts", [])}
    volumes = {volume["name"]: volume for volume in pod(workload).get("volumes", [])}
    keys = {}
    for mount, path in mounts.items():
        secret = volumes.get(mount, {}).get("secret")
        if secret:
            made = called(objects, "Secret", secret["secretName"])
            if not made and not is_production:
                yield f"{name(workload)}: there is no Secret {secret['secretName']}"
            keys[path] = set(made["data"]) if made else None
    if not runs_carillon(container):
        return
    for variable, value in environment(objects, container).items():
        if not names_a_secret(variable, variables):
            continue
        folder, _, key = value.rpartition("/")
        if folder not in keys:
            yield f"{name(workload)}: {variable} is in no mounted secret"
        elif keys[folder] is not None and key not in keys[folder]:
            yield f"{name(workload)}: {variable}: its secret has no {key}"


def services(objects):
    for service in of_kind(objects, "Service"):
        selector = {"matchLabels": service["spec"]["selector"]}
        behind = [each for each in workloads(objects) if matches(selector, labels(each))]
        if len(behind) != 1:
            yield f"{name(service)}: selects {len(behind)} workloads"
            continue
        ports = [port for container in containers(behind[0]) for port in container.get("ports", [])]
        for port in service["spec"]["ports"]:
            if not any(port["targetPort"] in [own.get("name"), own["containerPort"]] for own in ports):
                yield f"{name(service)}: nothing listens on {port['targetPort']}"
    for each in of_kind(objects, "Ingress"):
        for rule in each["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                service = path["backend"]["service"]["name"]
                if not called(objects, "Service", service):
                    yield f"{name(each)}: there is no Service {service}"


def budgets(objects):
    for workload in of_kind(objects, "Deployment"):
        if labels(workload).get("app.kubernetes.io/name") != "carillon":
            continue
        over = [each for each in of_kind(objects, "PodDisruptionBudget")
                if matches(each["spec"]["selector"], labels(workload))]
        if len(over) != 1:
            yield f"{name(workload)}: has {len(over)} PodDisruptionBudgets"
