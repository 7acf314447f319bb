"""Every queue is taken from by one role, no process goes to zero, and all of them fit into PostgreSQL."""

from collections import Counter

from objects import (called, containers, environment, labels, name, of_kind, queues, runs_carillon,
                     workloads)


def check(objects, all_queues, is_production):
    taken = Counter(queue for workload in workloads(objects) for queue in queues(workload) or [])
    for queue in all_queues:
        if taken[queue] != 1:
            yield f"the queue {queue} is taken from by {taken[queue]} roles"
    for queue in taken.keys() - set(all_queues):
        yield f"there is no queue {queue}"

    scalers = {}
    for scaler in of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject"):
        target = scaler["spec"]["scaleTargetRef"]["name"]
        if not called(objects, "Deployment", target):
            yield f"{name(scaler)}: there is no Deployment {target}"
        if target in scalers:
            yield f"{name(scaler)}: {target} has another scaler"
        scalers[target] = scaler

    for workload in of_kind(objects, "Deployment"):
        if labels(workload).get("app.kubernetes.io/name") != "carillon":
            continue
        what, scaler = name(workload), scalers.get(workload["metadata"]["name"])
        if scaler is None:
            if workload["spec"].get("replicas", 1) < 1:
                yield f"{what}: none runs"
            if queues(workload) and is_production:
                yield f"{what}: does not scale"
            continue
        if "replicas" in workload["spec"]:
            yield f"{what}: each apply sets back what {name(scaler)} has scaled"
        # KEDA's default is 0; a HorizontalPodAutoscaler's is 1.
        least = scaler["spec"].get("minReplicas", 1) if scaler["kind"] != "ScaledObject" else scaler["spec"].get("minReplicaCount", 0)
        if least < 1:
            yield f"{what}: may go to zero"
        if scaler["kind"] == "ScaledObject":
            asked = [trigger["metadata"]["queueName"] for trigger in scaler["spec"]["triggers"]]
            if sorted(asked) != sorted(queues(workload) or []):
                yield f"{name(scaler)}: asks for {asked}, and the workers take from {queues(workload)}"
            for trigger in scaler["spec"]["triggers"]:
                authentication = trigger["authenticationRef"]["name"]
                if not called(objects, "TriggerAuthentication", authentication):
                    yield f"{name(scaler)}: there is no TriggerAuthentication {authentication}"
    yield from connections(objects, scalers)


def connections(objects, scalers):
    """At the greatest number of each, in the middle of an upgrade."""
    needed = 0
    for workload in of_kind(objects, "Deployment"):
        scaler = scalers.get(workload["metadata"]["name"], {"spec": {}})["spec"]
        most = scaler.get("maxReplicas") or scaler.get("maxReplicaCount") or workload["spec"].get("replicas", 1)
        surge = workload["spec"].get("strategy", {}).get("rollingUpdate", {}).get("maxSurge", 0)
        for container in containers(workload):
            if runs_carillon(container) and container["name"] != "sandbox":
                own = environment(objects, container).get("CARILLON__DATABASE__MAX_CONNECTIONS")
                if own is None:
                    yield f"{name(workload)}: does not say how many connections to PostgreSQL it takes"
                # One for LISTEN is not of the pool.
                needed += (most + surge) * (int(own or 0) + 1)
    there = max_connections(objects)
    # A few are the administrator's, the migration's and the operator's.
    if there is not None and needed + 20 > there:
        yield f"PostgreSQL takes {there} connections, and the processes need up to {needed} beside 20 others"


def max_connections(objects):
    for each in of_kind(objects, "Cluster"):
        return int(each["spec"]["postgresql"]["parameters"]["max_connections"])
    for workload in of_kind(objects, "StatefulSet"):
        for container in containers(workload):
            for word in container.get("args", []):
                if word.startswith("max_connections="):
                    return int(word.partition("=")[2])
    return None
