//! Registering a queue.

use std::ffi::c_int;
use std::fs::{File, OpenOptions};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;

use safe::uring::raw::capabilities::Capabilities;
use safe::uring::raw::zcrx::{Area, Builder, Ifq};
use safe::uring::raw::{IoUring, Submitter, cqueue};
use uring_sys::*;

use super::{AREA, area, case, errno, ring};
use crate::case::{Case, Run, Stop, absent, pass};
use crate::context::Context;
use crate::ring::mem::page_size;
use crate::support::names::Errno;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    case(
        "uring/zcrx/register/areas",
        &["ZCRX_REG_NODEV", "IORING_REGISTER_ZCRX_IFQ"],
        (7, 1),
        areas,
    ),
    case(
        "uring/zcrx/register/bad",
        &["IORING_REGISTER_ZCRX_IFQ"],
        (6, 15),
        bad,
    ),
    case(
        "uring/zcrx/register/dmabuf",
        &["ZCRX_REG_NODEV", "IORING_ZCRX_AREA_DMABUF"],
        (7, 1),
        dmabuf,
    ),
    case(
        "uring/zcrx/register/page_size",
        &["ZCRX_FEATURE_RX_PAGE_SIZE", "IORING_REGISTER_ZCRX_IFQ"],
        (7, 0),
        receive_page_size,
    )
    .announced(),
    case(
        "uring/zcrx/register/page_size-bad",
        &["ZCRX_REG_NODEV", "ZCRX_FEATURE_RX_PAGE_SIZE"],
        (7, 1),
        receive_page_size_bad,
    ),
];

/// The index of the loopback interface, which has no hardware queues.
fn loopback() -> u32 {
    // SAFETY: the name is a C string, which is read during the call.
    unsafe { libc::if_nametoindex(c"lo".as_ptr()) }
}

/// The errno with which a queue is refused.
#[track_caller]
fn refused(submitter: &Submitter<'_>, builder: Builder, area: Area) -> Result<Option<Errno>, Stop> {
    Ok(errno(builder.register(submitter, area)).map(Errno))
}

/// The ring must be made for it, the interface be there and have queues, and the number of entries be possible.
fn bad(cx: &mut Context) -> Run {
    let right = ring::<cqueue::Entry32>(cx)?;
    let submitter = right.submitter();
    // The first that tells whether the kernel knows the operation.
    let none = Ifq::builder(i32::MAX as u32, 0, 8).register(&submitter, area(AREA)?);
    if errno_of(&none) != Some(libc::ENODEV) {
        cx.accepted_call(none)?;
    }
    for (what, builder, expected) in [
        (
            "an interface without queues",
            Ifq::builder(loopback(), 0, 8),
            libc::EOPNOTSUPP,
        ),
        ("no entries", Ifq::builder(loopback(), 0, 0), libc::EINVAL),
        (
            "too many entries",
            Ifq::builder(loopback(), 0, 32769),
            libc::EINVAL,
        ),
        (
            "no queue",
            Ifq::builder(loopback(), u32::MAX, 8),
            libc::EINVAL,
        ),
    ] {
        let got = refused(&submitter, builder, area(AREA)?)?;
        ensure_eq!(got, Some(Errno(expected)), "{what}");
    }
    let lo = Ifq::builder(loopback(), 0, 8);
    let plain = IoUring::new(8)?;
    ensure_eq!(
        refused(&plain.submitter(), lo, area(AREA)?)?,
        Some(Errno(libc::EINVAL)),
        "a plain ring"
    );
    // SAFETY: the struct names no memory.
    let nothing = unsafe { submitter.register_ifq(&mut io_uring_zcrx_ifq_reg::default()) };
    ensure_eq!(
        errno(nothing).map(Errno),
        Some(Errno(libc::EFAULT)),
        "no region"
    );
    // For good: this process is the case's own.
    // SAFETY: setresuid(2) takes numbers and touches no memory.
    let unprivileged = unsafe { libc::setresuid(65534, 65534, 65534) };
    ensure_eq!(unprivileged, 0, "setresuid");
    let got = refused(&submitter, lo, area(AREA)?)?;
    ensure_eq!(
        got,
        Some(Errno(libc::EPERM)),
        "a user without CAP_NET_ADMIN"
    );
    pass()
}

fn errno_of<T>(result: &std::io::Result<T>) -> Option<i32> {
    result.as_ref().err().and_then(std::io::Error::raw_os_error)
}

/// An area is whole pages of memory that is there.
fn areas(cx: &mut Context) -> Run {
    let ring = ring::<cqueue::Entry32>(cx)?;
    let submitter = ring.submitter();
    let queue = || Ifq::without_device(8);
    let first = cx.accepted_call(queue().register(&submitter, area(AREA)?))?;
    let second = queue().register(&submitter, area(page_size())?)?;
    ensure!(
        first.id() != second.id(),
        "two queues with the id {}",
        first.id()
    );
    let page = page_size();
    let at = |address: usize, len| {
        let start = NonNull::new(std::ptr::without_provenance_mut(address));
        // SAFETY: there is no memory there that could be registered: the address is in the first page, or none.
        start.map(|start| unsafe { Area::from_raw(start, len) })
    };
    for (what, area, expected) in [
        ("memory that is not there", at(page, page), libc::EFAULT),
        ("not whole pages", at(page, page + 1), libc::EINVAL),
        ("not from a page on", at(page + 1, page), libc::EINVAL),
    ] {
        let area = area.ok_or_else(|| Stop::failed("no address"))?;
        let got = refused(&submitter, queue(), area)?;
        ensure_eq!(got, Some(Errno(expected)), "{what}");
    }
    pass()
}

/// A queue without a device takes no memory of a device's, neither real nor pretended.
fn dmabuf(cx: &mut Context) -> Run {
    let ring = ring::<cqueue::Entry32>(cx)?;
    let submitter = ring.submitter();
    cx.accepted_call(Ifq::without_device(8).register(&submitter, area(AREA)?))?;
    let mut offered = vec![("/dev/null", OwnedFd::from(File::open("/dev/null")?))];
    match heap_memory(page_size()) {
        Ok(memory) => offered.push(("a dma-buf", memory)),
        Err(error) => cx.note(format_args!("no dma-buf to offer: {error}")),
    }
    for (what, descriptor) in offered {
        let area = Area::dmabuf(descriptor, page_size() as u64);
        let got = refused(&submitter, Ifq::without_device(8), area)?;
        ensure_eq!(got, Some(Errno(libc::EINVAL)), "{what}");
    }
    pass()
}

/// `struct dma_heap_allocation_data` of `linux/dma-heap.h`.
#[repr(C)]
struct Allocation {
    len: u64,
    fd: u32,
    fd_flags: u32,
    heap_flags: u64,
}

const DMA_HEAP_IOCTL_ALLOC: libc::Ioctl = libc::_IOWR::<Allocation>(b'H' as u32, 0);

/// A dma-buf of `len` bytes of ordinary memory.
fn heap_memory(len: usize) -> std::io::Result<OwnedFd> {
    let heap = OpenOptions::new().read(true).open("/dev/dma_heap/system")?;
    let mut allocation = Allocation {
        len: len as u64,
        fd: 0,
        fd_flags: (libc::O_RDWR | libc::O_CLOEXEC) as u32,
        heap_flags: 0,
    };
    // SAFETY: `allocation` is the struct that it reads and writes.
    let made = unsafe { libc::ioctl(heap.as_raw_fd(), DMA_HEAP_IOCTL_ALLOC, &raw mut allocation) };
    if made != 0 {
        return Err(Errno::last().into());
    }
    // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(allocation.fd as c_int) })
}

/// The size of receive buffers is for the device to judge where the kernel announces that it can be chosen.
fn receive_page_size(cx: &mut Context) -> Run {
    let ring = ring::<cqueue::Entry32>(cx)?;
    let capabilities = Capabilities::query()?;
    let features = capabilities.zcrx().map_or(0, |zcrx| zcrx.features);
    let announced = features & ZCRX_FEATURE_RX_PAGE_SIZE != 0;
    let lo = Ifq::builder(loopback(), 0, 8).rx_buf_len(2 * page_size() as u32);
    let got = refused(&ring.submitter(), lo, area(AREA)?)?;
    if !announced {
        // The field was reserved before.
        ensure_eq!(got, Some(Errno(libc::EINVAL)), "a size");
        return absent(format_args!("features of zero-copy receive: {features:#x}"));
    }
    ensure_eq!(
        got,
        Some(Errno(libc::EOPNOTSUPP)),
        "a size, and an interface without queues"
    );
    pass()
}

/// A size is a power of two and not below a page. Without a device it is a page.
fn receive_page_size_bad(cx: &mut Context) -> Run {
    let ring = ring::<cqueue::Entry32>(cx)?;
    let (submitter, page) = (ring.submitter(), page_size() as u32);
    let sized = |bytes| Ifq::without_device(8).rx_buf_len(bytes);
    cx.accepted_call(sized(page).register(&submitter, area(AREA)?))?;
    for (bytes, errno) in [
        (page / 2, libc::EINVAL),
        (3 * page, libc::EINVAL),
        (page + 1, libc::EINVAL),
        (u32::MAX, libc::EINVAL),
        (2 * page, libc::EOPNOTSUPP),
    ] {
        let got = refused(&submitter, sized(bytes), area(AREA)?)?;
        ensure_eq!(got, Some(Errno(errno)), "{bytes} bytes");
    }
    pass()
}
