"""What holds for every pod: Pod Security "restricted" and more, resources, probes, time to end."""

from objects import (command, containers, environment, name, of_kind, pod, runs_carillon,
                     workloads)


def check(objects, defaults):
    for namespace in of_kind(objects, "Namespace"):
        if namespace["metadata"]["labels"].get("pod-security.kubernetes.io/enforce") != "restricted":
            yield f"{name(namespace)}: does not enforce Pod Security restricted"
    for workload in workloads(objects):
        yield from security(workload)
        for container in containers(workload):
            what = f"{name(workload)}, container {container['name']}"
            yield from resources(container, what)
            yield from image(container, what)
            if workload["kind"] != "Job":
                yield from probes(container, what)
            if runs_carillon(container) and workload["kind"] != "Job":
                yield from time_to_end(objects, workload, container, what, defaults)


def security(workload):
    what, spec = name(workload), pod(workload)
    context = spec.get("securityContext", {})
    if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
        yield f"{what}: may run as root"
    if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield f"{what}: has no seccomp profile RuntimeDefault"
    if spec.get("automountServiceAccountToken") is not False:
        yield f"{what}: is given a token of a service account"
    for flag in ["hostNetwork", "hostPID", "hostIPC"]:
        if spec.get(flag):
            yield f"{what}: {flag}"
    for volume in spec.get("volumes", []):
        if "hostPath" in volume:
            yield f"{what}: mounts a path of its node"
    for container in containers(workload):
        context = container.get("securityContext", {})
        wanted = {
            "allowPrivilegeEscalation": context.get("allowPrivilegeEscalation") is False,
            "readOnlyRootFilesystem": context.get("readOnlyRootFilesystem") is True,
            "capabilities.drop": context.get("capabilities", {}).get("drop") == ["ALL"],
            "capabilities.add": not context.get("capabilities", {}).get("add"),
            "privileged": not context.get("privileged"),
            "runAsUser": context.get("runAsUser") != 0,
        }
        for field, is_kept in wanted.items():
            if not is_kept:
                yield f"{what}, container {container['name']}: securityContext.{field} is not as restricted"


def resources(container, what):
    for kind in ["requests", "limits"]:
        for resource in ["cpu", "memory"]:
            if not container.get("resources", {}).get(kind, {}).get(resource):
                yield f"{what}: has no {kind} of {resource}"


def image(container, what):
    tag = container["image"].rpartition("/")[2].partition(":")[2]
    if tag in ["", "latest"] and "@sha256:" not in container["image"]:
        yield f"{what}: the image {container['image']} has no tag"


def probes(container, what):
    paths = {"startupProbe": "/livez", "readinessProbe": "/readyz", "livenessProbe": "/livez"}
    for probe, path in paths.items():
        if probe not in container:
            yield f"{what}: has no {probe}"
        elif runs_carillon(container) and container[probe].get("httpGet", {}).get("path") != path:
            yield f"{what}: its {probe} does not ask {path}"


def time_to_end(objects, workload, container, what, defaults):
    """SIGTERM must find time for preStop, the slowest call and the draining."""
    values = environment(objects, container)

    def setting(section, key):
        own = values.get(f"CARILLON__{section}__{key}".upper())
        return int(own if own is not None else defaults[section][key])

    pause = [int(word) for word in container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", []) if word.isdigit()]
    slowest = max(setting("delivery", "provider_timeout_ms"), setting("callbacks", "timeout_ms")) / 1000
    needed = sum(pause) + slowest + setting("shutdown", "drain_s")
    if pod(workload).get("terminationGracePeriodSeconds", 30) <= needed:
        yield f"{what}: terminationGracePeriodSeconds is not more than the {needed:.0f} s that it may need"
    if command(container)[0] == "carillon-api" and not pause:
        yield f"{what}: has no preStop, so that it still gets requests when it takes none"
