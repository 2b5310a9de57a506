"""`python -m deploy.laboratorio`."""

from deploy.laboratorio.cli import comando

comando()
