"""`rocmkit completions`."""

from __future__ import annotations

import click

from rocmkit.cli.commands import Command
from rocmkit.errors import Exit
from rocmkit.output import write


@click.command(
    cls=Command,
    short_help="Print what makes a shell complete rocmkit's commands.",
    exits=((0, "printed"), (2, "usage error"), (70, "a bug in rocmkit")),
    examples=(
        ('eval "$(rocmkit completions bash)"', "in this shell, to try it; zsh takes the same with zsh"),
        ("rocmkit completions bash > ~/.local/share/bash-completion/completions/rocmkit", "bash, for good"),
        ("rocmkit completions zsh > ~/.zfunc/_rocmkit", "zsh, for good: with fpath+=(~/.zfunc) before compinit in ~/.zshrc"),
        ("rocmkit completions fish > ~/.config/fish/completions/rocmkit.fish", "fish, for good"),
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completions(ctx: click.Context, shell: str) -> Exit:
    """Print what makes a shell complete rocmkit's commands.

    Then the Tab key completes commands, options, codes of findings, speech systems, recipes, architectures and formats.
    """
    from click.shell_completion import ShellComplete, get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise click.BadParameter(f"{shell} is not known to click", ctx)
    # Not the method of bash's own class: it asks which bash is installed, and this may be for another machine.
    write(ShellComplete.source(kind(ctx.find_root().command, {}, "rocmkit", "_ROCMKIT_COMPLETE")) + "\n", None)
    return Exit.OK
