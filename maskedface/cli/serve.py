"""Serve face recognition over HTTP, with a web page to use it from a browser.

  maskedface serve --gallery friends.npz                     (then open http://127.0.0.1:8000)
  maskedface serve --gallery postgresql://ada@db.example/faces --host 0.0.0.0 --token-file tokens

By default it listens on this machine only. Any other --host requires tokens, one per line, `NAME:
TOKEN`, in a file or in the environment variable MASKEDFACE_TOKENS, and should be behind a proxy
with TLS. There is no liveness detection: a printed photograph is recognized like the person. Read
docs/serving.md before others use it.
Paths: / the page, /v1/identify, /v1/verify, /v1/embed, /v1/people, /v1/health, /v1/docs the API,
/metrics.
If the gallery does not exist, an empty one is created for --model.
Exit codes: 0 stopped by SIGINT or SIGTERM; 2 a user error.
"""

from __future__ import annotations

import argparse
import math

from maskedface.cli import recognizing
from maskedface.cli.outputs import check_inputs
from maskedface.cli.values import add_count, count, seconds
from maskedface.recognition.stores.address import local_file, shown_address

# The options that set limits, and their fields of `serving.Limits`.
_LIMITS = {
    "max_bytes": "photo_bytes",
    "max_pixels": "photo_pixels",
    "queue": "waiting",
    "batch": "batch",
    "time_out": "answer_seconds",
    "read_time_out": "read_seconds",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to a parser."""
    group = parser.add_argument_group("service")
    group.add_argument(
        "--gallery", required=True, metavar="FILE|ADDRESS", help="the enrolled people"
    )
    group.add_argument(
        "--host", default="127.0.0.1", help="the address to listen on; default: 127.0.0.1"
    )
    group.add_argument(
        "--port",
        type=count(0, 65535),
        default=8000,
        metavar="N",
        help="0 selects a free port; default: 8000",
    )
    group.add_argument(
        "--token-file",
        metavar="FILE",
        help="tokens of the permitted users; default: MASKEDFACE_TOKENS",
    )
    group.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="without tokens: accept requests for this host name, too; may be repeated",
    )
    group.add_argument(
        "--log-names",
        action="store_true",
        help="log people's names, which are otherwise left out",
    )
    limits = parser.add_argument_group("limits")
    add_count(limits, "--max-bytes", "largest photograph, in bytes; default: 20 MiB")
    add_count(limits, "--max-pixels", "largest photograph, in pixels; default: 50,000,000")
    add_count(
        limits,
        "--queue",
        "most photographs waiting; more are answered with status 503; default: 64",
    )
    add_count(limits, "--batch", "photographs processed together; default: 8")
    limits.add_argument(
        "--time-out", type=seconds, metavar="SECONDS", help="time limit for an answer; default: 60"
    )
    limits.add_argument(
        "--read-time-out",
        type=seconds,
        metavar="SECONDS",
        help="time limit for receiving a request; default: 20",
    )
    recognizing.add_recognizer_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Runs the command; see `maskedface serve --help`."""
    check_inputs(args.token_file)
    if args.model is None:
        check_inputs(local_file(args.gallery))
    from maskedface.serving import Limits, read_tokens, serve
    from maskedface.serving.running import check_address
    from maskedface.serving.watching import Log

    tokens = read_tokens(args.token_file)
    check_address(args.host, tokens)
    given = {name: getattr(args, word) for word, name in _LIMITS.items()}
    limits = Limits(**{name: value for name, value in given.items() if value is not None})
    from maskedface.recognition import open_store

    with open_store(args.gallery) as store:
        gallery = store.gallery() if store.exists() else None
        recognizer = recognizing.read_recognizer(args, gallery, math.inf)
        if gallery is None:
            with store.changing(new=recognizer.gallery):
                pass
            recognizer.gallery = store.gallery()
        print(f"{len(recognizer.gallery)} people of {shown_address(args.gallery)}")
        if len(tokens):
            print("tokens are required; use a TLS proxy, as tokens and faces are sent unencrypted")
        serve(
            recognizer,
            store,
            host=args.host,
            port=args.port,
            tokens=tokens,
            hosts=args.allow_host,
            limits=limits,
            log=Log(names=args.log_names),
        )
    return 0
