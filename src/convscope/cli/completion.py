"""The command that prints the script for completion in a shell."""

from __future__ import annotations

import os

import click
from click.shell_completion import (
    CompletionItem,
    ShellComplete,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from convscope.cli.choices import one_of
from convscope.cli.common import cli
from convscope.streams import say

NAME = "convscope"
COMPLETE = "_CONVSCOPE_COMPLETE"
"""Environment variable for completion requests; see click's documentation."""

POWERSHELL = r"""
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($word, $tree, $position)
    $env:%(complete_var)s = "powershell_complete"
    $env:COMP_WORDS = $tree.ToString().Substring(0, [Math]::Min($tree.ToString().Length, $position))
    $env:COMP_INCOMPLETE = $word
    try {
        foreach ($line in (%(prog_name)s)) {
            $kind, $value, $help = $line -split "`t", 3
            if ($kind -eq "plain") {
                $text = if ($value -match "\s") { "'" + $value + "'" } else { $value }
                $tip = if ($help) { $help } else { $value }
                [System.Management.Automation.CompletionResult]::new($text, $value, "ParameterValue", $tip)
            } else {
                Get-ChildItem -Path "$word*" -Directory:($kind -eq "dir") -Name
            }
        }
    } finally {
        Remove-Item Env:%(complete_var)s, Env:COMP_WORDS, Env:COMP_INCOMPLETE
    }
}
"""


class PowerShell(ShellComplete):
    """PowerShell 5 and newer, by click's protocol: the line so far is the input, each line of the output a word."""

    name = "powershell"
    source_template = POWERSHELL

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the current one, and the current one."""
        words = split_arg_string(os.environ["COMP_WORDS"]) if "COMP_WORDS" in os.environ else []
        incomplete = os.environ.get("COMP_INCOMPLETE", "").strip("'\"")
        typed = words[1:-1] if incomplete and words[1:] and words[-1] == incomplete else words[1:]
        return typed, incomplete

    def format_completion(self, item: CompletionItem) -> str:
        """Return kind, word and help, separated by tabs."""
        return f"{item.type}\t{item.value}\t{item.help or ''}"


add_completion_class(PowerShell)

SHELLS = ("bash", "zsh", "fish", "powershell")


@cli.command()
@click.argument("shell", type=one_of("shell", *SHELLS), metavar=f"[{'|'.join(SHELLS)}]")
def completion(shell: str) -> None:
    r"""Print the script for completion in a shell.

    It completes commands, options, recipes, data sets, ops, runs, and the layers of the net on the line.

    \b
    Put one of these lines into the file that the shell reads when it starts:
      bash        ~/.bashrc    eval "$(convscope completion bash)"
      zsh         ~/.zshrc     eval "$(convscope completion zsh)"
      fish        ~/.config/fish/config.fish    convscope completion fish | source
      powershell  $PROFILE     convscope completion powershell | Out-String | Invoke-Expression

    \b
    Examples:
      convscope completion bash
    """
    found = get_completion_class(shell)
    assert found is not None
    made = found(cli, {}, NAME, COMPLETE)
    say((made.source_template % made.source_vars()).strip())
