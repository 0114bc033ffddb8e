//! Which kernel, machine and C library this is.

#[cfg(target_env = "gnu")]
use std::ffi::CStr;
use std::fmt;
use std::io;
use std::mem::MaybeUninit;

/// A kernel version, ordered as kernels are: `6.18.44`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The first number.
    pub major: u16,
    /// The second number.
    pub minor: u16,
    /// The stable point release; 0 for mainline.
    pub patch: u16,
}

impl Version {
    /// The version `major.minor.patch`.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Version {
        Version {
            major,
            minor,
            patch,
        }
    }

    /// Reads the version at the start of a release: `6.18.44-cloud`, `7.4.0-rc2`, `6.1+`.
    pub fn parse(release: &str) -> Option<Version> {
        let mut numbers = release.splitn(3, '.').map(|part| {
            let digits = part
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(part.len());
            part[..digits].parse().ok()
        });
        Some(Version {
            major: numbers.next()??,
            minor: numbers.next()??,
            patch: numbers.next().flatten().unwrap_or(0),
        })
    }

    /// The version of a kernel from both fields of `uname`.
    ///
    /// Debian's release is the name of an ABI, `6.1.0-50-cloud-amd64`; the point release, which decides about
    /// backports, is in the build line: `#1 SMP PREEMPT_DYNAMIC Debian 6.1.176-1 (2026-06-01)`.
    pub fn of_build(release: &str, build: &str) -> Option<Version> {
        let version = Version::parse(release)?;
        let debian = build
            .split_once("Debian ")
            .and_then(|(_, v)| Version::parse(v));
        match debian {
            Some(v) if (v.major, v.minor) == (version.major, version.minor) => Some(v),
            _ => Some(version),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        match self.patch {
            0 => Ok(()),
            patch => write!(f, ".{patch}"),
        }
    }
}

/// The running kernel.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// `uname` release, as the kernel gives it.
    pub release: String,
    /// The version in it.
    pub version: Version,
}

impl Kernel {
    /// Asks the kernel. Fails with `InvalidData` if its release does not begin with a version.
    pub fn running() -> io::Result<Kernel> {
        let mut uts = MaybeUninit::<libc::utsname>::zeroed();
        // SAFETY: `uts` is writable memory of the size that uname(2) fills.
        if unsafe { libc::uname(uts.as_mut_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: all bytes were zeroed, and utsname is plain arrays of bytes: every value is valid.
        let uts = unsafe { uts.assume_init() };
        let (release, build) = (field(&uts.release), field(&uts.version));
        let version = Version::of_build(&release, &build).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("no version in the kernel release {release:?}"),
            )
        })?;
        Ok(Kernel { release, version })
    }
}

/// The text of a field of utsname: up to the first NUL, or all of it.
fn field(chars: &[libc::c_char]) -> String {
    let bytes: Vec<u8> = chars
        .iter()
        .map(|&c| c as u8)
        .take_while(|&b| b != 0)
        .collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The C library that this program runs with: `glibc 2.36`, `musl`.
pub fn libc_name() -> String {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: gnu_get_libc_version(3) returns a static NUL-terminated string.
        let version = unsafe { CStr::from_ptr(libc::gnu_get_libc_version()) };
        format!("glibc {}", version.to_string_lossy())
    }
    #[cfg(not(target_env = "gnu"))]
    {
        "musl".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases() {
        let table = [
            ("6.18.44-fc-v1", Some((6, 18, 44))),
            ("7.4.0-rc2", Some((7, 4, 0))),
            ("7.4-rc2", Some((7, 4, 0))),
            ("6.1+", Some((6, 1, 0))),
            ("5.10.0-32-cloud-amd64", Some((5, 10, 0))),
            ("6.6.87.2-microsoft-standard", Some((6, 6, 87))),
            ("6", None),
            ("", None),
            ("six.one", None),
        ];
        for (release, expected) in table {
            let expected = expected.map(|(a, b, c)| Version::new(a, b, c));
            assert_eq!(Version::parse(release), expected, "{release:?}");
        }
    }

    #[test]
    fn debian_builds_name_their_point_release() {
        let build = "#1 SMP PREEMPT_DYNAMIC Debian 6.1.176-1 (2026-06-01)";
        assert_eq!(
            Version::of_build("6.1.0-50-cloud-amd64", build),
            Some(Version::new(6, 1, 176))
        );
        // A kernel that somebody built on Debian, with another kernel's name in the build line.
        assert_eq!(
            Version::of_build("6.18.3", build),
            Some(Version::new(6, 18, 3))
        );
    }

    #[test]
    fn order_is_numeric() {
        assert!(Version::new(5, 9, 0) < Version::new(5, 10, 0));
        assert!(Version::new(5, 19, 99) < Version::new(6, 0, 0));
    }

    #[test]
    fn this_kernel_has_a_version() {
        assert!(Kernel::running().unwrap().version > Version::new(2, 6, 0));
    }
}
