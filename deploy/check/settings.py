"""Every environment variable means something to the binaries."""

from objects import containers, environment, name, runs_carillon, workloads

# Read by the SDKs of OpenTelemetry and AWS, which have more of them than we should list.
OF_OTHERS = ("OTEL_", "AWS_")


def check(objects, variables):
    for workload in workloads(objects):
        for container in containers(workload):
            if runs_carillon(container):
                yield from unknown(environment(objects, container), variables, name(workload))


def unknown(given, variables, what):
    for variable in given:
        if variable not in variables and not variable.startswith(OF_OTHERS):
            yield f"{what}: {variable} is no variable of Carillon (carillon config print --schema)"


def names_a_secret(variable, variables):
    """Whether its value is the path of a file with the value of another variable."""
    return variable.endswith("_FILE") and variable.removesuffix("_FILE") in variables
