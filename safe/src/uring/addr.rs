//! Addresses of sockets.

use std::fmt::{self, Debug, Formatter};
use std::hash::{Hash, Hasher};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net;
use std::path::Path;

/// The most bytes of an address: those of a `sockaddr_storage`.
pub(super) const ROOM: usize = 128;

/// What kind of addresses a socket has: `AF_*`, see socket(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Family(pub u16);

impl Family {
    /// No family: an address of no bytes.
    pub const UNSPEC: Self = Self(libc::AF_UNSPEC as u16);
    /// Paths and names on this machine.
    pub const UNIX: Self = Self(libc::AF_UNIX as u16);
    /// IPv4.
    pub const INET: Self = Self(libc::AF_INET as u16);
    /// IPv6.
    pub const INET6: Self = Self(libc::AF_INET6 as u16);
}

/// The address of a socket: any family's, in the bytes that the kernel has for it.
///
/// It is made from the addresses of the standard library, and turns into them.
///
/// ```
/// #![forbid(unsafe_code)]
/// use std::net::SocketAddr;
///
/// use safe::uring::{Addr, Family};
///
/// let here: SocketAddr = "[::1]:80".parse().unwrap();
/// let addr = Addr::from(here);
/// assert_eq!(addr.family(), Family::INET6);
/// assert_eq!(addr.ip(), Some(here));
/// assert!(addr.unix().is_none());
/// ```
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub struct Addr {
    bytes: [u8; ROOM],
    len: u32,
}

/// Where the path of a `sockaddr_un` begins, and how long it can be.
const PATH: usize = 2;
const PATH_ROOM: usize = 108;

impl Addr {
    /// No address: of no bytes.
    pub const fn none() -> Self {
        Self {
            bytes: [0; ROOM],
            len: 0,
        }
    }

    /// The address that these bytes are: a `sockaddr` of whatever family. `None` if they are more than 128.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut addr = Self::none();
        addr.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        addr.len = bytes.len() as u32;
        Some(addr)
    }

    /// The address of a unix socket at a path.
    ///
    /// # Errors
    ///
    /// If the path is longer than 107 bytes, or has a zero byte.
    pub fn path(path: impl AsRef<Path>) -> io::Result<Self> {
        net::SocketAddr::from_pathname(path).map(Self::from)
    }

    /// The bytes, as the kernel has them.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len as usize).unwrap_or(&self.bytes)
    }

    /// The family.
    pub fn family(&self) -> Family {
        match self.as_bytes().first_chunk() {
            Some(family) => Family(u16::from_ne_bytes(*family)),
            None => Family::UNSPEC,
        }
    }

    /// Whether it is no address: a socket that is not bound, or a connection whose messages do not name the peer.
    pub fn is_none(&self) -> bool {
        self.len == 0
    }

    /// The address and port, if it is of IPv4 or IPv6.
    pub fn ip(&self) -> Option<SocketAddr> {
        let bytes = self.as_bytes();
        let port = u16::from_be_bytes(at(bytes, 2)?);
        Some(match self.family() {
            Family::INET => SocketAddrV4::new(Ipv4Addr::from(at::<4>(bytes, 4)?), port).into(),
            Family::INET6 => SocketAddrV6::new(
                Ipv6Addr::from(at::<16>(bytes, 8)?),
                port,
                // As the standard library has it: as it lies there.
                u32::from_ne_bytes(at(bytes, 4)?),
                u32::from_ne_bytes(at(bytes, 24)?),
            )
            .into(),
            _ => return None,
        })
    }

    /// The path or name, if it is a unix socket's.
    pub fn unix(&self) -> Option<net::SocketAddr> {
        if self.family() != Family::UNIX {
            return None;
        }
        match self.as_bytes().get(PATH..)? {
            [0, name @ ..] => net::SocketAddr::from_abstract_name(name),
            path => {
                let end = path.iter().position(|&byte| byte == 0);
                let path = path.get(..end.unwrap_or(path.len()))?;
                net::SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(path))
            }
        }
        .ok()
    }

    /// Where the bytes are.
    pub(super) fn as_ptr(&self) -> *const libc::sockaddr {
        self.bytes.as_ptr().cast()
    }

    pub(super) fn len(&self) -> u32 {
        self.len
    }

    /// Makes room for an address that the kernel writes, with its length.
    pub(super) fn room(&mut self) -> (*mut libc::sockaddr, *mut libc::socklen_t) {
        self.len = ROOM as u32;
        (self.bytes.as_mut_ptr().cast(), &raw mut self.len)
    }

    /// The address that the kernel has written there, of which it has said that it is so long. It may have cut it.
    pub(super) fn written(mut self, len: u32) -> Self {
        self.len = len.min(ROOM as u32);
        self
    }

    pub(super) fn wrote(self) -> Self {
        self.written(self.len)
    }
}

fn at<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk().copied()
}

impl From<SocketAddr> for Addr {
    fn from(addr: SocketAddr) -> Self {
        let mut to = Self::none();
        let mut put = |offset: usize, bytes: &[u8]| {
            to.bytes[offset..offset + bytes.len()].copy_from_slice(bytes);
        };
        put(2, &addr.port().to_be_bytes());
        to.len = match addr {
            SocketAddr::V4(addr) => {
                put(0, &Family::INET.0.to_ne_bytes());
                put(4, &addr.ip().octets());
                16
            }
            SocketAddr::V6(addr) => {
                put(0, &Family::INET6.0.to_ne_bytes());
                put(4, &addr.flowinfo().to_ne_bytes());
                put(8, &addr.ip().octets());
                put(24, &addr.scope_id().to_ne_bytes());
                28
            }
        };
        to
    }
}

impl From<SocketAddrV4> for Addr {
    fn from(addr: SocketAddrV4) -> Self {
        SocketAddr::V4(addr).into()
    }
}

impl From<SocketAddrV6> for Addr {
    fn from(addr: SocketAddrV6) -> Self {
        SocketAddr::V6(addr).into()
    }
}

impl From<net::SocketAddr> for Addr {
    fn from(addr: net::SocketAddr) -> Self {
        Self::from(&addr)
    }
}

impl From<&net::SocketAddr> for Addr {
    fn from(addr: &net::SocketAddr) -> Self {
        let mut to = Self::none();
        to.bytes[..PATH].copy_from_slice(&Family::UNIX.0.to_ne_bytes());
        // With the zero byte that ends a path, or begins a name.
        let (begin, bytes, len) = match (addr.as_pathname(), addr.as_abstract_name()) {
            (Some(path), _) => {
                let path = path.as_os_str().as_bytes();
                (PATH, path, PATH + path.len() + 1)
            }
            (_, Some(name)) => (PATH + 1, name, PATH + 1 + name.len()),
            _ => (PATH, &[][..], PATH),
        };
        // The standard library makes none that is longer.
        let len = len.min(PATH + PATH_ROOM);
        for (to, from) in to.bytes[begin..len].iter_mut().zip(bytes) {
            *to = *from;
        }
        to.len = len as u32;
        to
    }
}

impl PartialEq for Addr {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Addr {}

impl Hash for Addr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl Debug for Addr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.ip(), self.unix()) {
            (Some(ip), _) => Debug::fmt(&ip, f),
            (_, Some(unix)) => Debug::fmt(&unix, f),
            _ => f
                .debug_struct("Addr")
                .field("family", &self.family())
                .field("bytes", &self.as_bytes())
                .finish(),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn ip_addresses_come_back() {
        for text in [
            "127.0.0.1:80",
            "255.1.2.3:65535",
            "[::]:0",
            "[fe80::1:2]:443",
        ] {
            let addr: SocketAddr = text.parse().expect("an address");
            assert_eq!(Addr::from(addr).ip(), Some(addr));
            assert_eq!(Addr::from(addr).unix().map(|_| ()), None);
        }
        let scoped = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 7, 0x0102_0304, 5);
        assert_eq!(Addr::from(scoped).ip(), Some(scoped.into()));
    }

    #[test]
    fn unix_addresses_come_back() {
        let longest = "p".repeat(107);
        for path in ["/tmp/a", "x", &longest] {
            let addr = Addr::path(path).expect("a path");
            assert_eq!(addr.as_bytes().len(), PATH + path.len() + 1);
            let unix = addr.unix().expect("a unix address");
            assert_eq!(unix.as_pathname(), Some(Path::new(path)));
            assert_eq!(addr.ip(), None);
        }
        assert!(Addr::path("p".repeat(108)).is_err());
        for name in [&b"name"[..], b"\0with\0zeros", &[7; 107], b""] {
            let unix = net::SocketAddr::from_abstract_name(name).expect("a name");
            let back = Addr::from(&unix).unix().expect("a unix address");
            assert_eq!(back.as_abstract_name(), Some(name));
        }
        let unnamed = Addr::from_bytes(&Family::UNIX.0.to_ne_bytes()).expect("short");
        assert!(unnamed.unix().expect("a unix address").is_unnamed());
    }

    #[test]
    fn short_and_foreign_bytes_are_no_addresses() {
        let whole = Addr::from(SocketAddr::from(([1, 2, 3, 4], 5)));
        for len in 0..16 {
            let cut = Addr::from_bytes(&whole.as_bytes()[..len]).expect("short");
            assert!(cut.ip().is_none() == (len < 8) && cut.unix().is_none());
        }
        assert!(Addr::none().is_none() && Addr::none().family() == Family::UNSPEC);
        assert!(Addr::from_bytes(&[0; 129]).is_none());
        assert_eq!(Addr::from_bytes(&[255; 128]).and_then(|a| a.ip()), None);
    }
}
