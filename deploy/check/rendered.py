"""k8s/rendered is what `kubectl kustomize` makes of the overlays."""

import json
import shutil
import subprocess

# Before it, `kubectl kustomize` knows no `labels` with selectors of topologySpreadConstraints.
OLDEST = (1, 27)


def kubectl():
    """Its path if there is one, new enough."""
    found = shutil.which("kubectl")
    if not found:
        return None
    said = subprocess.run([found, "version", "--client", "-o", "json"], capture_output=True, text=True, check=False)
    try:
        version = json.loads(said.stdout)["clientVersion"]
    except (ValueError, KeyError):
        return None
    numbers = int(version["major"]), int("".join(c for c in version["minor"] if c.isdigit()))
    return found if numbers >= OLDEST else None


def render(program, overlay):
    return subprocess.run([program, "kustomize", str(overlay)], capture_output=True, text=True, check=True).stdout


def check(root, program):
    for overlay in sorted((root / "k8s/overlays").iterdir()):
        kept = root / "k8s/rendered" / f"{overlay.name}.yaml"
        try:
            made = render(program, overlay)
        except subprocess.CalledProcessError as error:
            yield f"k8s/overlays/{overlay.name} cannot be rendered: {error.stderr.strip()}"
            continue
        if not kept.exists() or kept.read_text(encoding="utf-8") != made:
            yield f"{kept.relative_to(root)} is not up to date: deploy/check/render"
