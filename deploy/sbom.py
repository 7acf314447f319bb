"""Reads `cargo metadata` and writes a CycloneDX bill of materials of the packages named: for deploy/sbom.sh.

cargo-cyclonedx writes one file into each folder of the workspace, with the time in it; this one can be
compared from release to release.
"""

import hashlib
import json
import pathlib
import sys
import tomllib
import uuid


def main():
    metadata = json.load(sys.stdin)
    packages = {package["id"]: package for package in metadata["packages"]}
    members = {packages[id]["name"]: id for id in metadata["workspace_members"]}
    unknown = [name for name in sys.argv[1:] if name not in members]
    if unknown or len(sys.argv) == 1:
        sys.exit(f"no package of this workspace: {', '.join(unknown) or 'none was named'}")
    roots = sorted(members[name] for name in sys.argv[1:])
    needs = {node["id"]: shipped(node) for node in metadata["resolve"]["nodes"]}
    reached = closure(roots, needs)
    checksums = read_checksums(pathlib.Path(metadata["workspace_root"]) / "Cargo.lock")
    version = packages[roots[0]]["version"]

    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "carillon",
                "name": "carillon",
                "version": version,
                "licenses": [{"expression": packages[roots[0]]["license"]}],
            },
        },
        "components": [component(packages[id], id in roots, checksums) for id in ordered(reached, packages)],
        "dependencies": [
            {"ref": "carillon", "dependsOn": refs(roots, packages)},
            *({"ref": ref(packages[id]), "dependsOn": refs(needs[id], packages)} for id in ordered(reached, packages)),
        ],
    }
    # The number names the content, so that the same content has the same.
    digest = hashlib.sha256(json.dumps(bill, sort_keys=True).encode()).digest()
    bill["serialNumber"] = f"urn:uuid:{uuid.UUID(bytes=digest[:16], version=4)}"
    print(json.dumps(bill, indent=2, sort_keys=True))


def shipped(node):
    """What a package is built from or with, but not what its tests need."""
    return sorted(
        dep["pkg"] for dep in node["deps"] if any(kind["kind"] in (None, "build") for kind in dep["dep_kinds"])
    )


def closure(roots, needs):
    reached, left = set(), list(roots)
    while left:
        id = left.pop()
        if id not in reached:
            reached.add(id)
            left.extend(needs[id])
    return reached


def ordered(ids, packages):
    return sorted(ids, key=lambda id: (packages[id]["name"], packages[id]["version"]))


def refs(ids, packages):
    return sorted({ref(packages[id]) for id in ids})


def ref(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, is_binary, checksums):
    found = {
        "type": "application" if is_binary else "library",
        "bom-ref": ref(package),
        "name": package["name"],
        "version": package["version"],
        "purl": ref(package),
    }
    if package["license"]:
        # Some still write the old form, `MIT/Apache-2.0`.
        found["licenses"] = [{"expression": " OR ".join(package["license"].replace(" / ", "/").split("/"))}]
    checksum = checksums.get((package["name"], package["version"]))
    if checksum:
        found["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["repository"]:
        found["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return found


def read_checksums(lock):
    with open(lock, "rb") as file:
        return {(p["name"], p["version"]): p.get("checksum") for p in tomllib.load(file)["package"]}


main()
