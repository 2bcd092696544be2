"""Runs nft commands in a process of its own, by libnftables where it is installed.

libnftables 1.0.6 ends its process on rules that it does not like (an assertion); that must not be a process which
balances.  The helper takes a command text on its standard input and answers on its standard output, each as a length of
eight bytes and the bytes; the answer is JSON.  Without the library every text starts one `nft`.
"""

import ctypes
import ctypes.util
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import IO

from labkit.diagnostics import LabkitError
from labkit.kernel.process import die_with_parent

_LENGTH = 8
_JSON_OUTPUT = 1 << 4  # NFT_CTX_OUTPUT_JSON


class NftError(LabkitError):
    """nftables refused a ruleset, or is not there."""


class Nft:
    """One helper process in the network namespace of its maker."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._helper()

    def run(self, text: str) -> None:
        """Carry out a text as one transaction: all of it or nothing.

        Raises:
            NftError: it was refused; nothing has changed.
        """
        self._ask("rules", text)

    def check(self, text: str) -> None:
        """Have the kernel look at a text as `run` does, and change nothing.

        Raises:
            NftError: it was refused.
        """
        self._ask("check", text)

    def read(self, text: str) -> Sequence[dict[str, dict[str, object]]]:
        """Return the objects that a `list` command names, as nft describes them in JSON.

        Raises:
            NftError: it was refused.
        """
        answer = self._ask("json", text)
        objects: list[dict[str, dict[str, object]]] = json.loads(answer)["nftables"] if answer else []
        return objects

    def _ask(self, kind: str, text: str) -> str:
        for _ in range(2):  # a helper that an earlier text ended is started anew
            process = self._helper()
            try:
                _send(process.stdin, json.dumps([kind, text]).encode())
                answer = json.loads(_receive(process.stdout))
            except (OSError, EOFError):
                self.close()
                continue
            if answer["error"]:
                raise NftError(f"nftables refused: {answer['error'].strip()}")
            return str(answer["output"])
        raise NftError("nftables ended unexpectedly; `nft --version` shows whether it works here")

    def _helper(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, "-m", "labkit.kernel.nft.helper"]
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
        return self._process

    def close(self) -> None:
        """End the helper; the rules stay."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


def _send(pipe: IO[bytes] | None, data: bytes) -> None:
    if pipe is None:
        raise EOFError
    pipe.write(len(data).to_bytes(_LENGTH) + data)
    pipe.flush()


def _receive(pipe: IO[bytes] | None) -> bytes:
    header = pipe.read(_LENGTH) if pipe is not None else b""
    if pipe is None or len(header) < _LENGTH:
        raise EOFError
    return pipe.read(int.from_bytes(header))


# --- the helper's own side --------------------------------------------------------------------------------------------


class _Library:
    """libnftables, by its C interface (libnftables(3))."""

    def __init__(self, name: str) -> None:
        self._library = ctypes.CDLL(name)
        self._library.nft_ctx_new.restype = ctypes.c_void_p
        for function in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
            getattr(self._library, function).restype = ctypes.c_char_p
        self._context = ctypes.c_void_p(self._library.nft_ctx_new(0))
        self._library.nft_ctx_buffer_output(self._context)
        self._library.nft_ctx_buffer_error(self._context)

    def carry_out(self, kind: str, text: str) -> tuple[str, str]:
        """Return the output and, if the text was refused, why."""
        self._library.nft_ctx_output_set_flags(self._context, _JSON_OUTPUT if kind == "json" else 0)
        self._library.nft_ctx_set_dry_run(self._context, kind == "check")
        refused = self._library.nft_run_cmd_from_buffer(self._context, text.encode())
        output = (self._library.nft_ctx_get_output_buffer(self._context) or b"").decode()
        error = (self._library.nft_ctx_get_error_buffer(self._context) or b"").decode()
        return output, (error or "no reason given") if refused else ""


def _by_program(kind: str, text: str) -> tuple[str, str]:
    options = {"json": ["-j"], "check": ["-c"]}.get(kind, [])
    try:
        ended = subprocess.run(["nft", *options, "-f", "-"], input=text, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "", "nft is not installed: sudo apt-get install nftables"
    return ended.stdout, (ended.stderr or f"exit status {ended.returncode}") if ended.returncode else ""


def main() -> None:
    """Serve until standard input ends."""
    die_with_parent(signal.SIGKILL)
    name = ctypes.util.find_library("nftables")
    carry_out = _Library(name).carry_out if name else _by_program
    while True:
        try:
            kind, text = json.loads(_receive(sys.stdin.buffer))
        except EOFError:
            return
        output, error = carry_out(kind, text)
        _send(sys.stdout.buffer, json.dumps({"output": output, "error": error}).encode())


if __name__ == "__main__":
    main()
