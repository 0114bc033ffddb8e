//! The machines that the committed bindings are generated and compared for.

/// One Linux target and where its headers are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The architecture as Rust's target triples begin.
    pub rust: &'static str,
    /// The triple that clang is given.
    pub clang: &'static str,
    /// The folder of `asm/` headers in `linux-libc-dev`.
    pub kernel: &'static str,
    /// The Debian architecture of the `libc6-dev-ARCH-cross` package that holds its `aio.h`.
    ///
    /// LoongArch has no such package in Debian 12 and borrows arm64's, whose types come from
    /// glibc's generic 64-bit layout as LoongArch's do.
    pub glibc: &'static str,
    /// The folder below `usr/` in that package.
    pub glibc_dir: &'static str,
    /// The Debian architecture of the `musl-dev` package, or of one with the same byte order and
    /// word size where Debian 12 has none (riscv64, powerpc64, loongarch64).
    pub musl: &'static str,
    /// The folder below `usr/include/` in that package.
    pub musl_dir: &'static str,
    /// Whether a pointer has 32 bits.
    pub is_32_bit: bool,
    /// Whether the most significant byte comes first.
    pub is_big_endian: bool,
    /// Whether `asm/ioctl.h` encodes sizes in 13 bits and directions in 3 (not 14 and 2).
    pub has_13_bit_ioctl: bool,
}

const fn target(
    rust: &'static str,
    clang: &'static str,
    glibc: &'static str,
    musl: &'static str,
    musl_dir: &'static str,
) -> Target {
    Target {
        rust,
        clang,
        kernel: clang,
        glibc,
        glibc_dir: clang,
        musl,
        musl_dir,
        is_32_bit: false,
        is_big_endian: false,
        has_13_bit_ioctl: false,
    }
}

/// Every target, the machine that most people have first.
pub const TARGETS: &[Target] = &[
    target(
        "x86_64",
        "x86_64-linux-gnu",
        "amd64",
        "amd64",
        "x86_64-linux-musl",
    ),
    Target {
        kernel: "i386-linux-gnu",
        glibc_dir: "i686-linux-gnu",
        is_32_bit: true,
        ..target("i686", "i686-linux-gnu", "i386", "i386", "i386-linux-musl")
    },
    target(
        "aarch64",
        "aarch64-linux-gnu",
        "arm64",
        "arm64",
        "aarch64-linux-musl",
    ),
    Target {
        kernel: "arm-linux-gnueabihf",
        glibc_dir: "arm-linux-gnueabihf",
        is_32_bit: true,
        ..target(
            "armv7",
            "armv7-linux-gnueabihf",
            "armhf",
            "armhf",
            "arm-linux-musleabihf",
        )
    },
    target(
        "riscv64gc",
        "riscv64-linux-gnu",
        "riscv64",
        "arm64",
        "aarch64-linux-musl",
    ),
    Target {
        is_big_endian: true,
        ..target(
            "s390x",
            "s390x-linux-gnu",
            "s390x",
            "s390x",
            "s390x-linux-musl",
        )
    },
    Target {
        has_13_bit_ioctl: true,
        ..target(
            "powerpc64le",
            "powerpc64le-linux-gnu",
            "ppc64el",
            "ppc64el",
            "powerpc64le-linux-musl",
        )
    },
    Target {
        is_big_endian: true,
        has_13_bit_ioctl: true,
        ..target(
            "powerpc64",
            "powerpc64-linux-gnu",
            "ppc64",
            "s390x",
            "s390x-linux-musl",
        )
    },
    Target {
        glibc_dir: "aarch64-linux-gnu",
        ..target(
            "loongarch64",
            "loongarch64-linux-gnu",
            "arm64",
            "arm64",
            "aarch64-linux-musl",
        )
    },
    Target {
        has_13_bit_ioctl: true,
        ..target(
            "mips64el",
            "mips64el-linux-gnuabi64",
            "mips64el",
            "mips64el",
            "mips64el-linux-musl",
        )
    },
];
