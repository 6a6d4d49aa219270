"""The tests on the oldest versions that ``pyproject.toml`` accepts, and on the newest.

``nox -s oldest`` and ``nox -s newest``; what follows ``--`` goes to pytest. ``TORCH`` may name
another torch, such as ``TORCH="torch==2.13.0"`` where only one build can be had.
"""

import os

import nox
from packaging.requirements import Requirement

nox.options.default_venv_backend = "virtualenv"

PROJECT = nox.project.load_toml("pyproject.toml")["project"]
EXTRAS = [extra for extra in PROJECT["optional-dependencies"] if extra != "docs"]
REQUIREMENTS = PROJECT["dependencies"] + [
    line for extra in EXTRAS for line in PROJECT["optional-dependencies"][extra]
]


def lower_bound(line: str) -> str:
    """``name==x`` for a dependency on ``name>=x``."""
    requirement = Requirement(line)
    [bound] = [part.version for part in requirement.specifier if part.operator == ">="]
    return f"{requirement.name}=={bound}"


def run(session: nox.Session, requirements: list[str]) -> None:
    """Install the package with its extras beside the requirements, and run the tests."""
    torch = os.environ.get("TORCH")
    if torch:
        requirements = [line for line in requirements if Requirement(line).name != "torch"]
        requirements.append(torch)
    session.install("--editable", f".[{','.join(EXTRAS)}]", *requirements)
    session.run("python", "-m", "pytest", *session.posargs, env={"OMP_WAIT_POLICY": "PASSIVE"})


@nox.session
def oldest(session: nox.Session) -> None:
    """Every direct dependency at its lower bound."""
    run(session, [lower_bound(line) for line in REQUIREMENTS])


@nox.session
def newest(session: nox.Session) -> None:
    """Every dependency at the newest release that the bounds let in."""
    run(session, [])
