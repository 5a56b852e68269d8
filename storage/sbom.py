"""The software bill of materials of a package, in CycloneDX 1.6.

It follows from the vectors alone, so it has no serial number and no time.
"""

from collections.abc import Sequence
from typing import Any

from nnc_conformance.storage.documents import canonical_json
from nnc_conformance.storage.package_model import PACKAGE_NAME, folder_of
from nnc_conformance.storage.suite_folder import files_of
from nnc_conformance.storage.vector import AnyVector


def render_sbom(version: str, license_id: str, vectors: Sequence[AnyVector]) -> str:
    """Return the JSON text of the bill of materials.

    It lists the package, its vectors with the hashes of their files, and the networks that they
    use.
    """
    reference = f"{PACKAGE_NAME}@{version}"
    licenses = [{"license": {"id": license_id}}]
    networks = sorted({vector.network for vector in vectors if vector.network is not None})
    components = [_vector(vector, licenses) for vector in vectors]
    components += [{"type": "machine-learning-model", "bom-ref": _network(name), "name": name, "licenses": licenses} for name in networks]
    dependencies = [
        {"ref": folder_of(vector), "dependsOn": [_network(vector.network)] if vector.network is not None else []} for vector in vectors
    ]
    document: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {"type": "data", "bom-ref": reference, "name": PACKAGE_NAME, "version": version, "licenses": licenses},
        },
        "components": components,
        "dependencies": [
            {"ref": reference, "dependsOn": [folder_of(vector) for vector in vectors]},
            *dependencies,
            *({"ref": _network(name), "dependsOn": []} for name in networks),
        ],
    }
    return canonical_json(document)


def _network(name: str) -> str:
    return f"network/{name}"


def _vector(vector: AnyVector, licenses: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "type": "data",
        "bom-ref": folder_of(vector),
        "group": vector.level.value,
        "name": vector.id,
        "version": str(vector.revision),
        "description": vector.title,
        "licenses": licenses,
        "components": [
            {
                "type": "file",
                "bom-ref": f"{folder_of(vector)}/{file.name}",
                "name": file.name,
                "hashes": [{"alg": "SHA-256", "content": file.sha256}],
            }
            for file in files_of(vector)
        ],
    }
