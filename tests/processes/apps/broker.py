"""Celery with files in place of a message broker."""

from pathlib import Path

from celery import Celery

TASK = "tests.processes.apps.tasks.send"


def celery_app(directory):
    """Return a Celery application, for workers or for who sends tasks to them."""
    folders = {name: Path(directory, name) for name in ("queue", "control", "results")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    app = Celery(
        "tasks", broker="filesystem://", backend=folders["results"].absolute().as_uri()
    )
    app.conf.update(
        broker_transport_options={
            "data_folder_in": str(folders["queue"]),
            "data_folder_out": str(folders["queue"]),
            "control_folder": str(folders["control"]),
        },
        # Its messages would be for all workers at once, which files are not.
        worker_enable_remote_control=False,
    )
    return app
