#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the keys of a product that are not there yet; none is ever overwritten.

    keys.py FOLDER [update]      all, or the one that is named

Secret, without a pass phrase, readable for you alone: whoever has them can sign in your name.
    boot.key                   OpenPGP: signs each file that GRUB reads
    update.key                 Ed25519: signs update bundles
    PK.key KEK.key db.key      UEFI Secure Boot: who owns the machine, who may change its lists, who may sign what it starts
To be given away:
    boot.pub                   built into GRUB
    update.pub                 built into the partition that takes updates
    PK.* KEK.* db.*            .crt certificate (PEM), .cer the same (DER), .esl a list with it, .auth the list signed for enrolment:
                               db first, then KEK, then PK, which closes the door"""
import datetime
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import uuid

BOOT_KEY = ["boot.key", "boot.pub"]
SIGNER = {"PK": "PK", "KEK": "PK", "db": "KEK"}  # whose key allows the enrolment of which
UEFI_FILES = ["key", "crt", "cer", "esl", "auth"]
EPOCH = 1000000000  # the OpenPGP key's time, and that of its signatures, unless SOURCE_DATE_EPOCH says something else: they are then always the same
LIFE = 7300  # days of a certificate; no firmware that we know looks
OWNER = uuid.UUID("b01d0000-0000-5000-8000-000000000001")  # of the lists' entries


class Failed(Exception):
    """A tool refused; the text says which and why."""


def tool(*command):
    run = subprocess.run([str(word) for word in command], env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, errors="replace")
    if run.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}: {run.stderr.strip() or run.returncode}")


class Gpg:
    """gpg with a home of its own, which is gone afterwards; its agent too."""

    def __enter__(self):
        self.home = tempfile.mkdtemp(prefix="gpg")  # the agent's socket in it must have a short name
        return self

    def __exit__(self, *_):
        subprocess.run(["gpgconf", "--homedir", self.home, "--kill", "gpg-agent"], check=False, capture_output=True)
        shutil.rmtree(self.home, ignore_errors=True)

    def __call__(self, *words):
        when = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", EPOCH)), datetime.timezone.utc)
        tool("gpg", "--homedir", self.home, "--batch", "--quiet", "--yes", "--faked-system-time", f"{when:%Y%m%dT%H%M%S}!", "--passphrase", "",
             "--pinentry-mode", "loopback", *words)  # fmt: skip


def make_boot_key(folder):
    with Gpg() as gpg:
        gpg("--quick-gen-key", "Boot files", "rsa3072", "sign", "never")
        gpg("--output", folder / "boot.key", "--export-secret-keys")
        gpg("--output", folder / "boot.pub", "--export")


def make_uefi_keys(folder):
    now = f"{datetime.datetime.now():%Y-%m-%d %H:%M:%S}"
    for name in SIGNER:
        key, cert = folder / f"{name}.key", folder / f"{name}.crt"
        tool("openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-sha256", "-nodes", "-days", LIFE, "-subj", f"/CN=Bulkhead {name}/", "-keyout", key, "-out", cert)
        tool("openssl", "x509", "-outform", "DER", "-in", cert, "-out", folder / f"{name}.cer")
        tool("cert-to-efi-sig-list", "-g", OWNER, cert, folder / f"{name}.esl")
        signer = folder / SIGNER[name]
        tool("sign-efi-sig-list", "-g", OWNER, "-t", now, "-k", f"{signer}.key", "-c", f"{signer}.crt", name, folder / f"{name}.esl", folder / f"{name}.auth")


def make_update_key(folder):
    tool("openssl", "genpkey", "-algorithm", "ed25519", "-out", folder / "update.key")
    tool("openssl", "pkey", "-in", folder / "update.key", "-pubout", "-out", folder / "update.pub")


def update_bytes(folder):
    """The 32 bytes of the update key's public half."""
    with tempfile.TemporaryDirectory() as work:
        tool("openssl", "pkey", "-pubin", "-in", pathlib.Path(folder) / "update.pub", "-outform", "DER", "-out", f"{work}/der")
        der = pathlib.Path(work, "der").read_bytes()
    head = bytes.fromhex("302a300506032b6570032100")  # what DER puts before an Ed25519 key
    if len(der) != len(head) + 32 or not der.startswith(head):
        raise Failed(f"{folder}/update.pub is no Ed25519 key")
    return der[len(head):]


KINDS = [
    ("update", ["update.key", "update.pub"], make_update_key),
    ("GRUB's", BOOT_KEY, make_boot_key),
    ("UEFI", [f"{name}.{ending}" for name in SIGNER for ending in UEFI_FILES], make_uefi_keys),
]


def make(folder, what, files, maker):
    there = [name for name in files if (folder / name).exists()]
    if len(there) == len(files):
        return print(f"{what} keys are there")
    if there:
        missing = sorted(set(files) - set(there))
        raise Failed(f"{folder} has {there[0]} but not {', '.join(missing)}: nothing is made over keys that may be in use. Bring the missing ones or another folder")
    with tempfile.TemporaryDirectory(dir=folder) as new:  # all or none
        maker(pathlib.Path(new))
        for name in files:
            path = pathlib.Path(new) / name
            path.chmod(0o600 if name.endswith(".key") else 0o644)
            os.rename(path, folder / name)
    return print(f"{what} keys made")


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    os.umask(0o077)  # for the folder that is made too; one that is there keeps its mode
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        sys.exit(f"keys: {folder}: {error.strerror}: KEYS names a folder")
    try:
        for kind in KINDS:
            if len(sys.argv) == 2 or kind[0] == sys.argv[2]:
                make(folder, *kind)
    except Failed as error:
        sys.exit(f"keys: {error}")
    print(f"{folder}: keep *.key secret and safe. Who has them can sign for your boxes; without them nothing new can be signed for boxes in the field")


if __name__ == "__main__":
    main()
