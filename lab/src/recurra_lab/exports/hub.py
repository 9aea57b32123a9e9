"""Upload of an exported folder to the Hugging Face Hub, with the login that huggingface_hub keeps."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from recurra.errors import InvalidOption
from recurra_lab.errors import RunFailed

PACKAGE = "huggingface_hub"


def need_hub() -> None:
    """Check that the package is installed.

    Raises:
        InvalidOption: It is missing.
    """
    if find_spec(PACKAGE) is None:
        message = f"the upload requires {PACKAGE}, which is not installed"
        raise InvalidOption(f"{message}; install it with: pip install 'recurra-lab[hub]'")


def push(folder: Path, repository: str, *, private: bool = False) -> str:
    """Upload a folder as a model repository, which is created if there is none; return its address.

    Args:
        folder: The folder that `export_run` wrote with the format `hub`.
        repository: `OWNER/NAME`, or `NAME` for the user who is logged in.
        private: Create a private repository.

    Raises:
        InvalidOption: `huggingface_hub` is not installed, or the name is no name of a repository.
        RunFailed: Nobody is logged in, or the Hub refuses the upload.
    """
    need_hub()
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

    api = HfApi()
    try:
        made = api.create_repo(repository, repo_type="model", private=private, exist_ok=True)
        api.upload_folder(repo_id=made.repo_id, folder_path=folder, commit_message="Upload by recurra")
    except HFValidationError as error:
        raise InvalidOption(f"--push {repository}: {_first_line(error)}") from None
    except LocalTokenNotFoundError:
        raise RunFailed("nobody is logged in to the Hugging Face Hub; log in with: hf auth login") from None
    except (HfHubHTTPError, OSError) as error:
        advice = "check the name, and the login with: hf auth whoami"
        raise RunFailed(f"{repository} could not be uploaded: {_first_line(error)}; {advice}") from None
    return str(made)


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line), type(error).__name__)
