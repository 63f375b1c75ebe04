# SPDX-License-Identifier: Apache-2.0
"""labgrid's strategy for a board that runs our tests: off, an image brought to it in the way that the environment has a driver for, on.

The ways: a USB stick or an SD card that the host can write, behind a multiplexer or not (USBStorageDriver), or network boot
(TFTPProviderDriver). An environment has one of them, a power driver and a console."""
import pathlib
import shutil
import time

import attr
from labgrid.factory import target_factory
from labgrid.resource.common import NetworkResource
from labgrid.strategy import Strategy, StrategyError


@target_factory.reg_driver
@attr.s(eq=False)
class BulkheadStrategy(Strategy):
    bindings = {
        "power": "PowerProtocol",
        "console": "ConsoleProtocol",
        "mux": {"USBSDMuxDriver", "USBSDWireDriver", "LXAUSBMuxDriver", None},
        "storage": {"USBStorageDriver", None},
        "tftp": {"TFTPProviderDriver", None},
    }
    off_seconds = attr.ib(default=3.0, converter=float)  # without power, so that nothing of the boot before is left
    console_last = attr.ib(default=False, validator=attr.validators.instance_of(bool))  # it answers only once there is power

    def __attrs_post_init__(self):
        super().__attrs_post_init__()
        if not self.storage and not self.tftp:
            raise StrategyError("no way to bring an image to the board: give the target a USBStorageDriver or a TFTPProviderDriver")
        self.started = False

    @property
    def network_path(self):
        """Where the board finds the files of a network boot on its server; None if it does not boot from there."""
        return self.tftp.provider.external if self.tftp and not self.storage else None

    def off(self):
        self.target.deactivate(self.console)
        self.target.activate(self.power)
        self.power.off()

    def boot(self, image, files):
        """Power cycle into the image (a CD's or a disk's bytes), or into the files of a network boot."""
        self.off()
        if self.storage:
            self.write(image)
        else:
            self.publish(files)
        time.sleep(self.off_seconds if self.started else 0)
        if not self.console_last:
            self.target.activate(self.console)
        self.power.on()
        self.started = True
        self.target.activate(self.console)

    def write(self, image):
        if self.mux:
            self.target.activate(self.mux)
            self.to("host")
        self.target.activate(self.storage)
        self.storage.write_image(str(image))
        self.target.deactivate(self.storage)
        if self.mux:
            self.to("dut")

    def to(self, side):
        """An LXA USB mux has links between three ends, the others have one switch."""
        if hasattr(self.mux, "set_links"):
            self.mux.set_links([f"{side}-device"])
        else:
            self.mux.set_mode(side)

    def publish(self, files):
        self.target.activate(self.tftp)
        provider = self.tftp.provider
        if isinstance(provider, NetworkResource):
            for file in files:
                self.tftp.stage(str(file))
            return
        folder = pathlib.Path(provider.internal)  # on this machine: labgrid 0.4.1 does nothing then
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copyfile(file, folder / (file.name + ".new"))
            (folder / (file.name + ".new")).replace(folder / file.name)

    def transition(self, status):
        if status != "off":
            raise StrategyError(f"no state {status!r}: boot() needs an image; there is also off")
        self.off()
