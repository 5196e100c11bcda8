"""The command line. A command group is imported when it is called, so that ``--help`` is quick."""

from __future__ import annotations

from importlib import import_module

import click

from portevoix import __version__

#: Each command group or command: its module here, and its line in the help.
COMMANDS = {
    "account": "Open accounts, switch them off and on.",
    "archive": "Move what is over to its month; export months, erase old calls.",
    "audio": "Keep the recordings that calls play.",
    "call": "See what is kept of single calls.",
    "cancel": "Cancel what has not begun of a message.",
    "credit": "Add, correct and move credit.",
    "credits": "Show the credit of an API key, as its owner sees it.",
    "demo": "Start a server with a demo account, to try things out.",
    "deposit": "Leave a recording on voicemail.",
    "inbox": "Show what the sandbox's phones received.",
    "key": "Make, list, rotate and revoke API keys.",
    "ledger": "Prove the ledger, print statements.",
    "listen": "Forward what a notifyUrl would be told to a URL of this machine.",
    "migrate": "Bring the database's schema up to date.",
    "operator": "Let operators into the console.",
    "person": "Let an account's own people into the console.",
    "recover": "Decide what becomes of a restored database.",
    "route": "Say which numbers go over which trunk.",
    "say": "Say a text as the phone will: into a file, or aloud.",
    "send": "Call phones, and play them a text or a recording.",
    "serve": "Start the server.",
    "status": "Tell how the service fares, and what is wrong.",
    "tariff": "Import, show and assign tariffs.",
    "trunk": "Set up trunks: an operator's ways into the telephone network.",
    "watch": "Follow a message to its end.",
    "work": "Dial and deliver, without the API and the console.",
}


class Commands(click.Group):
    """The top group: knows its commands' names without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; one whose libraries are not installed says so when it is run."""
        if cmd_name not in COMMANDS:
            return None
        try:
            command: click.Command = import_module(f"portevoix.cli.{cmd_name}").command
        except ModuleNotFoundError as missing:
            if (missing.name or "").startswith("portevoix"):
                raise
            return _not_installed(cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from their names alone."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


def _not_installed(name: str) -> click.Command:
    def refuse(arguments: tuple[str, ...]) -> None:
        raise click.ClickException(f"'portevoix {name}' needs the server: pip install 'portevoix[server]'")

    arguments = click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)
    return click.Command(
        name,
        callback=refuse,
        params=[arguments],
        help=COMMANDS[name],
        context_settings={"ignore_unknown_options": True},
        add_help_option=False,
    )


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", message="portevoix %(version)s")
def main() -> None:
    """Portevoix: self-hosted, prepaid voice messaging.

    Commands that work on the server's data take --data FOLDER (or PORTEVOIX_DATA, default ./var) and work beside
    a running server.
    """
