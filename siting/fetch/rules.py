"""Where a user lets `siting fetch` go, and how patiently."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field, ValidationError, field_validator

from siting import __version__
from siting.errors import InputError
from siting.model.figures import Part
from siting.model.yaml import load_yaml

CONFIG_NAME = "fetch.yaml"
USER_AGENT = f"siting/{__version__}"
"""Names the project and its version and nothing of the user."""


class Rules(Part):
    """The user's own configuration of `siting fetch`; a planning model can't change it."""

    hosts: tuple[str, ...] = ("download.geofabrik.de", "overpass-api.de")
    """Hosts that may be asked, by https on a public address; `name`, or `name:port` off 443."""
    insecure_hosts: tuple[str, ...] = ()
    """`name:port` of hosts that may be asked by plain http and on a private address: a mirror in
    the user's own network. Empty unless the user writes them."""
    overpass: str = "https://overpass-api.de/api/interpreter"
    """Where Overpass queries go; its host has to be listed too."""
    most_mb: float = Field(default=4000, gt=0)
    """Largest answer that is taken, MB."""
    tries: int = Field(default=5, ge=1, le=20)
    """Times that a request is made before giving up; those that bring new bytes don't count."""
    pause_s: float = Field(default=1.0, ge=0)
    """Least time between two requests to a host, seconds."""
    backoff_s: float = Field(default=2.0, ge=0)
    """Wait before the second try, doubled before each further one, seconds."""
    longest_wait_s: float = Field(default=300, ge=0)
    """A server that asks for a longer pause than this ends the fetch, seconds."""
    timeout_s: float = Field(default=60, gt=0)
    """Silence after which a connection counts as cut, seconds."""

    @field_validator("hosts", "insecure_hosts")
    @classmethod
    def _lower(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name.strip().lower() for name in names)

    @property
    def most_bytes(self) -> int:
        """Largest answer that is taken, bytes."""
        return int(self.most_mb * 1e6)


def default_config() -> Path:
    """Return where the configuration lies by the XDG base directory specification."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    # The specification: a relative path there is to be ignored.
    folder = Path(base) if base and Path(base).is_absolute() else Path.home() / ".config"
    return folder / "siting" / CONFIG_NAME


def load_rules(path: Path | None = None) -> Rules:
    """
    Read the user's configuration.

    Parameters
    ----------
    path
        The YAML file; None: `fetch.yaml` in `$XDG_CONFIG_HOME/siting` or `~/.config/siting`, which
        needn't exist.

    Returns
    -------
    rules
        What the file leaves out keeps its default; a list of hosts replaces the default one.

    Raises
    ------
    InputError
        The file given is missing, or holds something else.
    """
    if path is None:
        path = default_config()
        if not path.is_file():
            return Rules()
    data = load_yaml(path)
    try:
        return Rules.model_validate({} if data is None else data)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'file'}: {item['msg']}" for item in error.errors()
        )
        raise InputError(
            "the configuration of fetch is wrong",
            where=path,
            value=wrong,
            cure=f"Its keys are {', '.join(Rules.model_fields)}",
        ) from error
