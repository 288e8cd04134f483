"""Lock the runtime dependencies by hash, audit them, and list their licences.

    python -m scripts.lock lock        # writes requirements-locked.txt from requirements.txt
    python -m scripts.lock audit       # known vulnerabilities of what is locked (needs a network)
    python -m scripts.lock licences    # prints a table of what is installed

torch and torchvision are not locked: their wheels for the CPU lie on an index of their own, and
with the hashes of the other index pip would fetch half a gigabyte of wheels for GPUs in their
place. Install them first, then the rest:

    pip install torch==2.13.0 torchvision==0.28.0 --index-url https://download.pytorch.org/whl/cpu
    pip install --require-hashes -r requirements-locked.txt
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WANTED, LOCKED = ROOT / "requirements.txt", ROOT / "requirements-locked.txt"
#: Not locked, and why: see above.
LEFT_OUT = ("torch", "torchvision")
PYTHON = "3.11"
HEADER = (
    "# Every runtime dependency with its hashes, but for torch and torchvision: install those\n"
    "# first. Made by `python -m scripts.lock lock`; do not edit.\n"
)
NAME = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\\n]+)", re.MULTILINE)


def normal(name: str) -> str:
    """The normal form of a package's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def wanted() -> str:
    """The lines of ``requirements.txt`` that are locked."""
    lines = WANTED.read_text().splitlines()
    return "\n".join(
        line for line in lines if not re.match(rf"({'|'.join(LEFT_OUT)})\b(?!-)", line)
    )


def locked() -> dict[str, str]:
    """The versions that are locked, by name."""
    return {normal(name): version for name, version in NAME.findall(LOCKED.read_text())}


def tool(name: str) -> str:
    """The path of a program that this command needs."""
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        raise SystemExit(f"{name} is not installed: pip install {name}, then try again.")
    return found


def lock() -> int:
    """Write the locked file."""
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder) / "requirements.in", Path(folder) / "made.txt"
        source.write_text(wanted())
        words = [
            *(tool("uv"), "pip", "compile", "--generate-hashes", "--no-header", "--universal"),
            *("--no-annotate", "--python-version", PYTHON, "--quiet", "-o", str(made)),
        ]
        done = subprocess.run([*words, str(source)], check=False)
        if done.returncode:
            return done.returncode
        LOCKED.write_text(HEADER + made.read_text())
    print(f"{len(locked())} packages are locked in {LOCKED.name}.")
    return 0


#: The code of an audit that could not be made.
NOT_MADE = 3


def audit() -> int:
    """Ask for known vulnerabilities of what is locked; 1 where there are some.

    Where the database of them gives no answer nothing is known: that is said, and the code is 3.
    """
    words = [tool("pip-audit"), "--disable-pip", "--require-hashes", "-r", str(LOCKED)]
    words += ["--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(words, check=False, stdout=subprocess.PIPE, text=True)
    try:
        asked = json.loads(done.stdout)["dependencies"]
    except (ValueError, TypeError, KeyError):
        print(
            f"No audit was made of the {len(locked())} locked packages: the database of known "
            "vulnerabilities gave no answer.\nWhether they have any is not known. Try it again "
            "where the package index can be reached."
        )
        return NOT_MADE
    left_out = [one["name"] for one in asked if "skip_reason" in one]
    found = [(one["name"], one["version"], v["id"]) for one in asked for v in one.get("vulns", ())]
    for name, version, known in found:
        print(f"{name} {version}: {known}")
    print(f"{len(asked) - len(left_out)} packages were asked for: {len(found)} known defects.")
    print(f"Not asked for: {', '.join([*left_out, *LEFT_OUT])}.")
    return 1 if found or left_out else 0


def licence_of(found: metadata.Distribution) -> str:
    """The licence that a package states: its expression, its classifiers, or its text's name."""
    about = found.metadata
    if expression := about.get("License-Expression"):
        return expression
    stated = [one for one in about.get_all("Classifier") or () if "License ::" in one]
    kinds = [one.rpartition(" :: ")[2] for one in stated]
    text = (about.get("License") or "").strip().partition("\n")[0][:60]
    return "; ".join(kinds) or text or "not stated"


def licences() -> int:
    """Print name, version and licence of each locked package, and of torch and torchvision."""
    names = sorted([*locked(), *LEFT_OUT])
    print("| package | version | licence |\n|---|---|---|")
    for name in names:
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            print(f"| {name} | not installed here | - |")
            continue
        print(f"| {name} | {found.version} | {licence_of(found)} |")
    return 0


def main() -> int:
    """Do one of the three."""
    parser = argparse.ArgumentParser(description="Lock, audit and list the dependencies.")
    parser.add_argument("what", choices=("lock", "audit", "licences"))
    return {"lock": lock, "audit": audit, "licences": licences}[parser.parse_args().what]()


if __name__ == "__main__":
    sys.exit(main())
