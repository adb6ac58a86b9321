"""`vigia models sign|key|verify`: who vouches for a model's files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from interfaces.cli.options import ApiKey, Json, KeyFile, person_key

app = typer.Typer()


@app.command("key")
def key() -> None:
    """Print the verifier key of the models signed here, for VIGIA__MODELS__TRUSTED__<NAME> of another machine."""
    from interfaces.bootstrap.models import model_keys
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_text

    print_text(model_keys(load_settings()).verifier_key)


@app.command("sign")
def sign(
    name: Annotated[str, typer.Argument(help="Of the model, e.g. fraud_score.")],
    version: Annotated[str, typer.Argument(help="One that was registered before models were signed.")],
    *,
    api_key: ApiKey = None,
    key_file: KeyFile = None,
    json: Json = False,
) -> None:
    """Sign a registered version whose directory has no note, or one by a key that is lost. Takes an admin; audited."""
    from interfaces.bootstrap.models import sign_version
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_text

    person = person_key(api_key, key_file, "signing a model")
    artifact = sign_version(load_settings(), name, version, api_key=person)
    if json:
        print_json({"signed_by": artifact.signed_by, "manifest": artifact.manifest})
        return
    print_text(f"{name} version {version} is signed by {artifact.signed_by}")


@app.command("verify")
def verify(
    directory: Annotated[Path, typer.Argument(help="Of one version, wherever it lies.")],
    *,
    keys: Annotated[
        list[str] | None, typer.Option("--key", help="A verifier key; those trusted here when left out.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The directory above its name by default.")] = None,
    version: Annotated[str | None, typer.Option(help="The directory's name by default.")] = None,
    json: Json = False,
) -> None:
    """Check that a version's directory is signed, whole and a model that loads. Needs no registry."""
    from interfaces.bootstrap.models import verify_directory
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_text

    place = directory.absolute()
    artifact = verify_directory(
        load_settings(), place, name or place.parent.name, version or place.name, list(keys or [])
    )
    if json:
        print_json({"signed_by": artifact.signed_by, "manifest": artifact.manifest})
        return
    manifest = artifact.manifest
    print_text(
        f"{manifest.name} version {manifest.version} ({manifest.flavor}): {len(manifest.files)} files, "
        f"all as signed by {artifact.signed_by}"
    )
