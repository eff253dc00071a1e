"""The Hugging Face hub: load from it, download from it, upload to it; mistakes told as ours are."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from huggingface_hub import snapshot_download
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

from priormix.errors import PriormixError
from priormix.zoo.pretrained import FILES, WEIGHTS, PretrainedNetwork

# connection errors are those of the HTTP client, which is not the same in all versions of huggingface_hub
_CLIENT_ERROR = cast(type[Exception], HfHubHTTPError.__bases__[0])


def load(repository: str, device: str = "auto") -> PretrainedNetwork:
    """Load "owner/name" from the hub, or from its cache on this machine.

    Raises PriormixError where the hub cannot be reached, or has no such repository, or none of ours.
    """
    # not by from_pretrained, which asks for config.json again and again where there is no network
    return PretrainedNetwork.read(download(repository) / WEIGHTS, device)


def download(repository: str) -> Path:
    """Bring a model on the hub into its cache on this machine, and return the folder there.

    Raises PriormixError as `load` does.
    """
    with _told(repository):
        return Path(snapshot_download(repository, allow_patterns=list(FILES)))


def upload(model: PretrainedNetwork, repository: str, private: bool) -> str:
    """Upload a model with its card to the repository, which is made where it is absent.

    Returns the address of the commit.

    Raises PriormixError where the hub cannot be reached or refuses.
    """
    with _told(repository):
        return model.push_to_hub(
            repository,
            private=private,
            commit_message="Upload a model with priormix",
            model_card_kwargs={"name": repository},
        )


@contextmanager
def _told(repository: str) -> Iterator[None]:
    try:
        yield
    except (
        HfHubHTTPError,
        EntryNotFoundError,
        OfflineModeIsEnabled,
        HFValidationError,
        _CLIENT_ERROR,
    ) as error:
        reason = " ".join(str(error).split())
        raise PriormixError(f"{repository}: cannot be had from the Hugging Face hub ({reason})") from error
