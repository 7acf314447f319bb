"""docker-compose.yml: its schema, start order, hardening, and that everything it names is there."""

import json
import re
from importlib import resources

import yaml

from schemas import against
from settings import names_a_secret, unknown


def check(root, variables, defaults):
    compose = yaml.safe_load((root / "docker-compose.yml").read_text(encoding="utf-8"))
    yield from rules(compose, root, variables, defaults)


def rules(compose, root, variables, defaults):
    schema = resources.files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    yield from against(compose, json.loads(schema.read_text(encoding="utf-8")), "docker-compose.yml")
    if "version" in compose:
        yield "docker-compose.yml: `version` is obsolete"
    for service, spec in compose["services"].items():
        what = f"docker-compose.yml, {service}"
        yield from things_named(compose, spec, root, what)
        if spec.get("command", [""])[0].startswith("carillon"):
            yield from of_carillon(spec, what, variables, defaults)
        elif re.search(r":(latest)?$|^[^:]*$", spec["image"]):
            yield f"{what}: the image {spec['image']} has no tag"


def of_carillon(spec, what, variables, defaults):
    yield from unknown(spec["environment"], variables, what)
    if not spec.get("read_only") or spec.get("cap_drop") != ["ALL"] or "no-new-privileges:true" not in spec.get("security_opt", []):
        yield f"{what}: is not kept from writing, capabilities and new privileges"
    mounted = {f"/run/secrets/{secret}" for secret in spec.get("secrets", [])}
    for variable, value in spec["environment"].items():
        if names_a_secret(variable, variables) and value not in mounted:
            yield f"{what}: {variable} is no secret that it is given"
    if spec["command"][0] == "carillon":
        return
    if spec.get("healthcheck", {}).get("test") != ["CMD", "is-ready"]:
        yield f"{what}: has no health check"
    grace = int(spec["stop_grace_period"].rstrip("s"))
    needed = defaults["delivery"]["provider_timeout_ms"] / 1000 + defaults["shutdown"]["drain_s"]
    if grace <= needed:
        yield f"{what}: stop_grace_period is not more than the {needed:.0f} s that it may need"
    if spec["command"][0] != "carillon-sandbox":
        order = {other: how["condition"] for other, how in spec["depends_on"].items()}
        if order != {"migrate": "service_completed_successfully", "rabbitmq": "service_healthy"}:
            yield f"{what}: does not wait for the migration and RabbitMQ"


def things_named(compose, spec, root, what):
    for secret in spec.get("secrets", []):
        source = secret if isinstance(secret, str) else secret["source"]
        if source not in compose["secrets"]:
            yield f"{what}: there is no secret {source}"
    for volume in spec.get("volumes", []):
        source = volume.partition(":")[0]
        if source.startswith("./"):
            if not (root / source).exists():
                yield f"{what}: there is no {source}"
        elif source not in compose["volumes"]:
            yield f"{what}: there is no volume {source}"
    build = spec.get("build")
    if build and not re.search(rf"^FROM .* AS {build['target']}$", (root / build["dockerfile"]).read_text(encoding="utf-8"), re.M):
        yield f"{what}: {build['dockerfile']} has no target {build['target']}"
    for other, how in (spec.get("depends_on") or {}).items():
        if other not in compose["services"]:
            yield f"{what}: there is no service {other}"
        elif how["condition"] == "service_healthy" and "healthcheck" not in compose["services"][other]:
            yield f"{what}: {other} has no health check to wait for"
