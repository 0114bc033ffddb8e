//! The architectures: what each is called by Debian, rustc and the emulator, and how its machine is made.

use std::path::Path;

use anyhow::{Result, bail};

use super::archive::{self, Lists};

/// An architecture, or a variant of it with pages of another size.
#[derive(Debug)]
pub(super) struct Arch {
    /// What it is called here.
    pub(super) name: &'static str,
    /// The triple of rustc.
    pub(super) target: &'static str,
    /// Debian's packages of its C library, if the programs are not built with this system's own.
    pub(super) cross: Option<Cross>,
    /// Its machine, unless this system's own kernel runs its programs.
    pub(super) machine: Option<MachineKind>,
}

/// What a program of the architecture is linked with.
#[derive(Debug)]
pub(super) struct Cross {
    /// Debian's name of the architecture: `libc6-dev-NAME-cross`.
    pub(super) debian: &'static str,
    /// Debian's name in paths.
    pub(super) triplet: &'static str,
}

/// What the emulator needs to know, and where kernels come from.
#[derive(Debug)]
pub(super) struct MachineKind {
    /// The lists with its kernels, each fetched by itself: one that is out of step spoils those fetched with it.
    pub(super) lists: &'static [Lists],
    /// How its kernels' names end.
    pub(super) flavour: &'static str,
    /// The emulator's program and the packages that bring it: of the backports, unless another release is named.
    pub(super) emulator: &'static str,
    pub(super) packages: &'static [&'static str],
    /// Which machine to emulate.
    pub(super) options: &'static [&'static str],
    /// Firmware to start with, in the emulator's packages.
    pub(super) firmware: Option<&'static str>,
    /// The console's device.
    pub(super) console: &'static str,
    /// More for the kernel's command line.
    pub(super) command_line: &'static str,
    /// How results leave the machine.
    pub(super) port: Port,
    /// Modules that the kernel needs for its disk.
    pub(super) modules: &'static [&'static str],
}

/// The way of results out of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Port {
    /// A second serial port. The x86-64 kernels before 6.12 have no other driver built in.
    Serial,
    /// A port of a virtio console, which is this device.
    Virtio(&'static str),
}

impl Port {
    /// The port's device in the machine.
    pub(super) fn path(self) -> &'static Path {
        Path::new(match self {
            Port::Serial => "/dev/ttyS1",
            Port::Virtio(_) => "/dev/vport0p1",
        })
    }
}

/// NVMe and ext4, with a checksum that ext4 asks for by name until 6.13.
const DISK: &[&str] = &["nvme", "crc32c_generic", "ext4"];

/// The file systems of cases, with the checksum that they ask for by name, which has another one since 6.16. Where they
/// are missing their cases are skipped.
pub(super) const FILE_SYSTEMS: &[&str] = &["crc32c_generic", "crc32c-cryptoapi", "xfs", "btrfs"];

const VIRTIO_PCI: Port = Port::Virtio("virtio-serial-pci");

/// The releases with kernels for an architecture, each asked by itself.
const fn releases(architecture: &'static str) -> [Lists; 3] {
    [
        list(architecture, &["trixie"]),
        list(architecture, &["trixie-backports"]),
        list(architecture, &["sid"]),
    ]
}

const fn list(architecture: &'static str, suites: &'static [&'static str]) -> Lists {
    Lists {
        architecture,
        suites,
        security: &[],
    }
}

const S390X: &[Lists] = &releases("s390x");
const ARM64: &[Lists] = &releases("arm64");
const RISCV64: &[Lists] = &releases("riscv64");
const PPC64EL: &[Lists] = &releases("ppc64el");
/// No release has it yet.
const LOONG64: &[Lists] = &[list("loong64", &["sid"])];

pub(super) static X86_64: Arch = Arch {
    name: "x86_64",
    target: "x86_64-unknown-linux-gnu",
    cross: None,
    machine: Some(MachineKind {
        lists: &[archive::OWN],
        flavour: "cloud-amd64",
        emulator: "qemu-system-x86_64",
        packages: &["qemu-system-x86", "seabios"],
        options: &["-cpu", "max"],
        firmware: None,
        console: "ttyS0",
        // The check counts ticks while it waits, and fails where the emulator gets too little of the processor.
        command_line: "no_timer_check",
        port: Port::Serial,
        modules: &[],
    }),
};

/// All others.
pub(super) static ARCHES: &[Arch] = &[
    Arch {
        name: "i686",
        target: "i686-unknown-linux-gnu",
        cross: Some(Cross {
            debian: "i386",
            triplet: "i686-linux-gnu",
        }),
        machine: None,
    },
    Arch {
        name: "s390x",
        target: "s390x-unknown-linux-gnu",
        cross: Some(Cross {
            debian: "s390x",
            triplet: "s390x-linux-gnu",
        }),
        machine: Some(MachineKind {
            lists: S390X,
            flavour: "s390x",
            emulator: "qemu-system-s390x",
            packages: &["qemu-system-s390x"],
            options: &["-cpu", "max"],
            firmware: None,
            console: "ttyS0",
            command_line: "",
            port: Port::Virtio("virtio-serial-ccw"),
            modules: DISK,
        }),
    },
    Arch {
        name: "aarch64",
        target: "aarch64-unknown-linux-gnu",
        cross: Some(FOR_ARM64),
        machine: Some(arm64("cloud-arm64", &[])),
    },
    Arch {
        name: "aarch64-16k",
        target: "aarch64-unknown-linux-gnu",
        cross: Some(FOR_ARM64),
        machine: Some(arm64("arm64-16k", DISK)),
    },
    Arch {
        name: "riscv64",
        target: "riscv64gc-unknown-linux-gnu",
        cross: Some(Cross {
            debian: "riscv64",
            triplet: "riscv64-linux-gnu",
        }),
        machine: Some(MachineKind {
            lists: RISCV64,
            flavour: "riscv64",
            emulator: "qemu-system-riscv64",
            packages: &["qemu-system-riscv", "opensbi"],
            options: &["-M", "virt"],
            firmware: Some("usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin"),
            console: "ttyS0",
            command_line: "",
            port: VIRTIO_PCI,
            modules: DISK,
        }),
    },
    Arch {
        name: "ppc64le",
        target: "powerpc64le-unknown-linux-gnu",
        cross: Some(FOR_PPC64LE),
        machine: Some(ppc64le("powerpc64le")),
    },
    Arch {
        name: "ppc64le-64k",
        target: "powerpc64le-unknown-linux-gnu",
        cross: Some(FOR_PPC64LE),
        machine: Some(ppc64le("powerpc64le-64k")),
    },
    Arch {
        name: "loongarch64",
        target: "loongarch64-unknown-linux-gnu",
        cross: Some(Cross {
            debian: "loong64",
            triplet: "loongarch64-linux-gnu",
        }),
        machine: Some(MachineKind {
            lists: LOONG64,
            flavour: "loong64",
            emulator: "qemu-system-loongarch64",
            // It depends on two others and their firmware, of any version, and apt would take them from another release.
            packages: &[
                "qemu-system-misc",
                "qemu-system-riscv",
                "qemu-system-s390x",
                "opensbi",
                "qemu-efi-loongarch64/trixie",
            ],
            options: &["-M", "virt", "-cpu", "la464"],
            // Without its tables the kernel finds no PCI devices.
            firmware: Some("usr/share/qemu-efi-loongarch64/QEMU_EFI.fd"),
            console: "ttyS0",
            command_line: "",
            port: VIRTIO_PCI,
            modules: DISK,
        }),
    },
];

const FOR_ARM64: Cross = Cross {
    debian: "arm64",
    triplet: "aarch64-linux-gnu",
};

const fn arm64(flavour: &'static str, modules: &'static [&'static str]) -> MachineKind {
    MachineKind {
        lists: ARM64,
        flavour,
        emulator: "qemu-system-aarch64",
        packages: &["qemu-system-arm"],
        options: &["-M", "virt", "-cpu", "cortex-a76"],
        firmware: None,
        console: "ttyAMA0",
        command_line: "",
        port: VIRTIO_PCI,
        modules,
    }
}

const FOR_PPC64LE: Cross = Cross {
    debian: "ppc64el",
    triplet: "powerpc64le-linux-gnu",
};

const fn ppc64le(flavour: &'static str) -> MachineKind {
    MachineKind {
        lists: PPC64EL,
        flavour,
        emulator: "qemu-system-ppc64",
        packages: &["qemu-system-ppc"],
        // TCG has none of these mitigations, and the machine does not start if it promises them.
        options: &[
            "-M",
            "pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken",
        ],
        firmware: None,
        console: "hvc0",
        command_line: "",
        port: VIRTIO_PCI,
        modules: DISK,
    }
}

/// The architecture of this name.
pub(super) fn named(name: &str) -> Result<&'static Arch> {
    match ARCHES.iter().find(|arch| arch.name == name) {
        Some(arch) => Ok(arch),
        None => {
            let names: Vec<_> = ARCHES.iter().map(|arch| arch.name).collect();
            bail!("no architecture is called {name:?}: {}", names.join(", "))
        }
    }
}
