"""Who signs models, and whose signature is enough to load one.

A version's note is a signed note (`audit.note`) with the text

    <key name>\\nmodel <name> <version>\\nmanifest.json sha256 <hexadecimal>\\n

Its first line is the key's name, so that a signature of the audit log's key can never be taken for one of a model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from audit.note import TextSigner, TextVerifier
from foundation.errors import Conflict, InvalidInput

KEY_NAME = "vigia/models"
_UNSIGNED = "do not load it; `vigia models sign` vouches for a version that was registered here, after a look at it"


class ModelKeys:
    """Our own key, made when the first model is signed, and the verifier keys of others whose models we load.

    A machine that only loads needs no private key: it is given the verifier key of the one that trains.
    """

    def __init__(self, path: Path | None, *, trusted: Sequence[str] = ()) -> None:
        """`path`: of our own key; None where only `trusted` verifier keys, `<name>+<hash>+<base64>`, count.

        Raises InvalidInput for one that is damaged.
        """
        self._path = path
        self._trusted = [TextVerifier.from_key(key) for key in trusted]

    @property
    def verifier_key(self) -> str:
        """Of our own key, which is made if there is none, to be handed to machines that load."""
        return self._signer().verifier.verifier_key

    def sign(self, name: str, version: str, manifest: bytes) -> str:
        """A note. Raises as `TextSigner.load_or_create`."""
        return self._signer().sign_text(_text(KEY_NAME, name, version, manifest))

    def check(self, note: bytes, name: str, version: str, manifest: bytes) -> str:
        """The verifier key that vouches for `manifest` as `name` version `version`. Raises Conflict."""
        what = f"the manifest of {name} version {version}"
        try:
            text = note.decode()
        except UnicodeDecodeError as error:
            raise Conflict(f"{what} has a note that is not text", hint=_UNSIGNED) from error
        verifiers = self._verifiers()
        if not verifiers:
            raise Conflict(
                f"nobody's signature is known here: {what} cannot be checked",
                hint="give the trainer's verifier key: VIGIA__MODELS__TRUSTED__<NAME> (`vigia models key` prints it)",
            )
        reasons: list[str] = []
        for verifier in verifiers:
            try:
                found = verifier.text_of(text)
            except InvalidInput as error:
                reasons.append(error.message)
                continue
            if found != _text(verifier.name, name, version, manifest):
                raise Conflict(f"{what} is not the one that was signed: the note says {found!r}", hint=_UNSIGNED)
            return verifier.verifier_key
        raise Conflict(f"{what} is not signed by a key that is trusted here: {'; '.join(reasons)}", hint=_UNSIGNED)

    def _signer(self) -> TextSigner:
        if self._path is None:
            raise InvalidInput("there is no key to sign models with")
        return TextSigner.load_or_create(self._path, KEY_NAME)

    def _verifiers(self) -> list[TextVerifier]:
        own = [self._signer().verifier] if self._path is not None and self._path.exists() else []
        return [*own, *self._trusted]


def _text(key_name: str, name: str, version: str, manifest: bytes) -> str:
    return f"{key_name}\nmodel {name} {version}\nmanifest.json sha256 {hashlib.sha256(manifest).hexdigest()}\n"
