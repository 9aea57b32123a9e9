"""The shell in processes forked from one that has imported everything, since each import takes seconds."""

import multiprocessing
import os
import socket
import sys

IMPORTED = ["recurra.run.train", "pytorch_lightning", "matplotlib.figure"]


def shell(commands, environment=()):
    """Give the shell's main function one command after another; the parent sees the exit code."""
    from pytorch_lightning.utilities.rank_zero import rank_zero_only

    from recurra.cli import main

    os.environ.update(environment)
    rank_zero_only.rank = int(os.environ.get("RANK", 0))  # Lightning reads it once, when it is imported
    for words in commands:
        sys.argv = ["recurra", *words]
        main(words, standalone_mode=len(commands) == 1)


class Forked:
    """Starts processes that run commands of the shell."""

    def __init__(self):
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(IMPORTED)

    def start(self, *commands, **environment):
        """Return a process that runs commands, each a list of words."""
        commands = [[str(word) for word in words] for words in commands]
        process = self.context.Process(target=shell, args=[commands, environment])
        process.start()
        return process

    def finish(self, *commands):
        """Return the exit code of a process that runs commands."""
        process = self.start(*commands)
        process.join(240)
        return process.exitcode

    def ranks(self, count, *commands):
        """Return the exit codes of the ranks that run commands together, with the environment of torchrun."""
        ranks = [self.start(*commands, **environment) for environment in of_torchrun(count)]
        for process in ranks:
            process.join(240)
        for process in ranks:
            process.kill()  # one that waits for a rank that has ended
        return [process.exitcode for process in ranks]


def of_torchrun(count):
    """Return the environment of each rank."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "tests"}
    sizes = {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count), "GROUP_RANK": "0"}
    return [{**shared, **sizes, "RANK": str(n), "LOCAL_RANK": str(n)} for n in range(count)]
