# SPDX-License-Identifier: Apache-2.0
"""Signs what a disk image starts from, with the keys that keys.py makes."""
import pathlib

import keys

MODULES = ["pgp", "gcry_rsa"]  # that GRUB needs for it, with gcry_sha256
SECRET = ["boot.key", "db.key"]


class Signer:
    """`folder`: of the keys. Its signatures of files are the same each time; that of an EFI program has the time in it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        missing = [name for name in [*SECRET, "boot.pub", "db.crt"] if not (self.folder / name).exists()]
        if missing:
            raise keys.Failed(f"{folder} has no {', '.join(missing)}: KEYS= names the folder of your keys, `make keys` makes them")

    @property
    def public(self):
        return self.folder / "boot.pub"

    def sign_tree(self, tree, but=()):
        """A detached signature beside each file that GRUB reads."""
        with keys.Gpg() as gpg:
            gpg("--import", self.folder / "boot.key")
            for path in sorted(tree.rglob("*")):
                if path.is_file() and path.name not in but:
                    gpg("--digest-algo", "SHA256", "--output", f"{path}.sig", "--detach-sign", path)

    def sign_efi(self, path):
        keys.tool("sbsign", "--key", self.folder / "db.key", "--cert", self.folder / "db.crt", "--output", path, path)
