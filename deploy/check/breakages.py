"""The checks find what is wrong: each of these breaks production in one way, and must be reported."""

import copy

from objects import called, pod


def container(objects, name):
    return pod(called(objects, "Deployment", name))["containers"][0]


def set_in(value, *path):
    *steps, last, new = path
    for step in steps:
        value = value[step]
    value[last] = new


BREAKAGES = [
    ("is taken from by 0 roles", lambda o: set_in(container(o, "carillon-worker-retry"), "args", ["--queues", "jobs"])),
    ("may run as root", lambda o: set_in(pod(called(o, "Deployment", "carillon-api")), "securityContext", "runAsNonRoot", False)),
    ("readOnlyRootFilesystem", lambda o: set_in(container(o, "carillon-poller"), "securityContext", "readOnlyRootFilesystem", False)),
    ("has no limits of memory", lambda o: container(o, "carillon-api")["resources"]["limits"].pop("memory")),
    ("has no readinessProbe", lambda o: container(o, "carillon-api").pop("readinessProbe")),
    ("terminationGracePeriodSeconds is not more", lambda o: set_in(pod(called(o, "Deployment", "carillon-api")), "terminationGracePeriodSeconds", 35)),
    ("DATABASE_URI_FILE is no variable", lambda o: container(o, "carillon-api")["env"].append({"name": "DATABASE_URI_FILE", "value": "/run/secrets/carillon/x"})),
    ("may connect to 169.254.169.254", lambda o: called(o, "NetworkPolicy", "callbacks-egress")["spec"]["egress"][0]["to"][0]["ipBlock"]["except"].remove("169.254.0.0/16")),
    ("may connect to fd00:ec2::254", lambda o: set_in(called(o, "NetworkPolicy", "callbacks-egress"), "spec", "egress", 0, "to", 1, "ipBlock", "cidr", "::/0")),
    ("no NetworkPolicy denies everything", lambda o: o.remove(called(o, "NetworkPolicy", "default-deny"))),
    ("may go to zero", lambda o: set_in(called(o, "ScaledObject", "carillon-worker-email"), "spec", "minReplicaCount", 0)),
    ("PostgreSQL takes 700 connections", lambda o: set_in(called(o, "ScaledObject", "carillon-worker-email"), "spec", "maxReplicaCount", 80)),
    ("'minReplicas' was unexpected", lambda o: set_in(called(o, "ScaledObject", "carillon-worker-email"), "spec", "minReplicas", 2)),
    ("'resource' was unexpected", lambda o: set_in(container(o, "carillon-api"), "resource", {})),
    ("is not in its image", lambda o: set_in(container(o, "carillon-api"), "command", ["carillon-apis"])),
    ("selects 0 workloads", lambda o: set_in(called(o, "Service", "carillon-api"), "spec", "selector", {"app.kubernetes.io/name": "carillion"})),
    ("has 0 PodDisruptionBudgets", lambda o: o.remove(called(o, "PodDisruptionBudget", "carillon-worker-sms"))),
]


def check(objects, problems_of):
    for expected, break_it in BREAKAGES:
        broken = copy.deepcopy(objects)
        break_it(broken)
        if not any(expected in problem for problem in problems_of(broken)):
            yield f"the checks do not find what should say: {expected}"
