"""The command that sends a run to the hub of Hugging Face."""

from __future__ import annotations

import click

from convscope.cli.choices import RUN
from convscope.cli.common import JSON, cli, show
from convscope.streams import present, tell


@cli.command()
@click.argument("run_folder", metavar="RUN", type=RUN)
@click.argument("name", metavar="hf:OWNER/NAME")
@click.option("--private", is_flag=True, help="Make a new repository private.")
@click.option("--dry-run", is_flag=True, help="List the files and send nothing.")
@JSON
def push(run_folder: str, name: str, *, private: bool, dry_run: bool, as_json: bool) -> None:
    r"""Send a run to the hub of Hugging Face.

    Makes the repository if it is not there, and sends a copy of the run in which no path of this machine occurs:
    weights, net, settings, facts about the data, log, model card and report. Images are never sent. Needs
    huggingface_hub, and a login: hf auth login, or HF_TOKEN. Every command that takes a run takes hf:OWNER/NAME, too.

    \b
    Examples:
      convscope push runs/mnist-fast-seed0 hf:me/digits --dry-run
      convscope push runs/mnist-fast-seed0 hf:me/digits --private
    """
    from convscope.training.push import push as sent

    found = sent(run_folder, name, private=private, dry_run=dry_run, note=lambda text: tell(f"note: {text}"))
    if as_json:
        show(found.to_json())
    else:
        present(found)
