//! The argument types of `safe::uring::raw::types`.

#![cfg(feature = "uring")]

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use safe::uring::raw::types::*;

/// The fields of `io_uring_recvmsg_out`.
fn header(name: u32, control: u32, payload: u32, flags: u32) -> Vec<u8> {
    [name, control, payload, flags]
        .iter()
        .flat_map(|n| n.to_ne_bytes())
        .collect()
}

fn msghdr(name_room: usize, control_room: usize) -> libc::msghdr {
    // SAFETY: zero is a value of each of its fields, which are integers and pointers.
    let mut msghdr: libc::msghdr = unsafe { std::mem::zeroed() };
    msghdr.msg_namelen = name_room.try_into().unwrap();
    msghdr.msg_controllen = control_room as _;
    msghdr
}

/// All small buffers and rooms, with every length in the header that is less than, as much as, or
/// more than what is there.
#[test]
fn a_received_message_stays_in_its_buffer() {
    let mut parsed = 0;
    for (size, name_room, control_room) in
        (0..32).flat_map(|s| (0..5).flat_map(move |n| (0..5).map(move |c| (s, n, c))))
    {
        let room = size >= 16 + name_room + control_room;
        for lengths in (0..64).map(|i| [i & 3, i >> 2 & 3, i >> 4]) {
            // 0, 1, 4 and "as much as could be" bytes.
            let [name, control, payload] = lengths.map(|i| [0, 1, 4, u32::MAX][i]);
            let mut buffer = header(name, control, payload, 0);
            // Bytes that tell where they are.
            buffer.extend(16..32u8);
            buffer.truncate(size);

            let message = RecvMsgOut::parse(&buffer, &msghdr(name_room, control_room));
            assert_eq!(message.is_ok(), room);
            let Ok(message) = message else { continue };
            parsed += 1;
            let field = |start: usize, room: usize, len: u32| {
                let end = start + room.min(len as usize);
                (start as u8..end as u8).collect::<Vec<u8>>()
            };
            let payload_at = 16 + name_room + control_room;
            assert_eq!(message.name_data(), field(16, name_room, name));
            assert_eq!(
                message.control_data(),
                field(16 + name_room, control_room, control)
            );
            assert_eq!(
                message.payload_data(),
                field(payload_at, size - payload_at, payload)
            );
            assert_eq!(message.is_name_data_truncated(), name as usize > name_room);
            assert_eq!(
                (
                    message.incoming_name_len(),
                    message.incoming_control_len(),
                    message.incoming_payload_len()
                ),
                (name, control, payload)
            );
        }
    }
    assert!(parsed > 10_000, "{parsed}");
}

#[test]
fn a_received_message_tells_what_was_cut() {
    let none = msghdr(0, 0);
    for (flags, control, payload) in [
        (0, false, false),
        (libc::MSG_CTRUNC, true, false),
        (libc::MSG_TRUNC, false, true),
        (
            libc::MSG_CTRUNC | libc::MSG_TRUNC | libc::MSG_EOR,
            true,
            true,
        ),
    ] {
        let buffer = header(0, 0, 0, flags as u32);
        let message = RecvMsgOut::parse(&buffer, &none).unwrap();
        assert_eq!(message.is_control_data_truncated(), control);
        assert_eq!(message.is_payload_truncated(), payload);
        assert_eq!(message.flags(), flags as u32);
    }
}

#[test]
fn lengths_in_a_msghdr_do_not_overflow() {
    let buffer = [0; 64];
    let mut huge = msghdr(0, 0);
    huge.msg_namelen = u32::MAX;
    assert!(RecvMsgOut::parse(&buffer, &huge).is_err());
    huge.msg_controllen = !0;
    assert!(RecvMsgOut::parse(&buffer, &huge).is_err());
    // What is parsed outlives the parser.
    let payload = RecvMsgOut::parse(&buffer, &msghdr(0, 0))
        .unwrap()
        .payload_data();
    assert_eq!(payload, b"");
}

/// A ring that nobody submits to, so that every wait runs out.
fn ring() -> OwnedFd {
    let mut params = uring_sys::io_uring_params::default();
    // SAFETY: `params` is a live `io_uring_params`, zero but for what the call takes.
    let fd = unsafe { uring_sys::io_uring_setup(1, &mut params) };
    assert!(
        fd >= 0,
        "io_uring_setup: {}",
        std::io::Error::from_raw_os_error(-fd)
    );
    // SAFETY: the descriptor was just made and belongs to nobody else.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

fn wait(ring: &OwnedFd, args: &SubmitArgs<'_, '_>) -> i32 {
    let flags = uring_sys::IORING_ENTER_GETEVENTS | uring_sys::IORING_ENTER_EXT_ARG;
    let raw = args.as_raw();
    // SAFETY: `raw` is an argument of the size given, and what it leads to lives as long as `args`.
    unsafe {
        uring_sys::io_uring_enter2(
            ring.as_raw_fd(),
            0,
            1,
            flags,
            std::ptr::from_ref(raw).cast(),
            size_of_val(raw),
        )
    }
}

#[test]
fn the_kernel_takes_all_arguments_of_a_wait() {
    let ring = ring();
    let soon = Timespec::from(Duration::from_millis(1));
    // SAFETY: zero is a value of a `sigset_t`: no signal.
    let none: libc::sigset_t = unsafe { std::mem::zeroed() };
    let args = SubmitArgs::new().timespec(&soon);
    assert_eq!(wait(&ring, &args), -libc::ETIME);
    // This is where a mask of the C library's size gives EINVAL.
    let args = args.sigmask(&none);
    assert_eq!(
        args.as_raw().sigmask_sz as usize,
        uring_sys::KERNEL_SIGSET_SIZE
    );
    assert_eq!(wait(&ring, &args), -libc::ETIME);
    assert_eq!(wait(&ring, &args.min_wait_usec(1)), -libc::ETIME);
}

#[test]
fn times_are_the_kernels() {
    let bytes = |time: Timespec| {
        // SAFETY: it is `repr(transparent)` over two `i64`.
        unsafe { std::mem::transmute::<Timespec, [i64; 2]>(time) }
    };
    assert_eq!(bytes(Timespec::new()), [0, 0]);
    assert_eq!(bytes(Timespec::new().sec(1).nsec(2)), [1, 2]);
    assert_eq!(bytes(Duration::new(3, 4).into()), [3, 4]);
    assert_eq!(bytes(Duration::MAX.into()), [i64::MAX, 999_999_999]);
}

#[test]
fn slots_end_where_the_kernel_counts_no_further() {
    for good in [0, 1, u32::MAX - 2] {
        assert!(
            DestinationSlot::try_from_slot_target(good).is_ok(),
            "{good}"
        );
    }
    for bad in [u32::MAX - 1, u32::MAX] {
        assert_eq!(DestinationSlot::try_from_slot_target(bad), Err(bad));
    }
}

#[test]
fn a_ring_of_buffers_has_its_tail_in_the_first_slot() {
    // SAFETY: zero is a value of each field, which are integers.
    let mut slots: [BufRingEntry; 2] = unsafe { std::mem::zeroed() };
    slots[0].set_addr(1);
    slots[0].set_len(2);
    slots[0].set_bid(3);
    assert_eq!((slots[0].addr(), slots[0].len(), slots[0].bid()), (1, 2, 3));
    let base = slots.as_ptr();
    // SAFETY: a slot is there.
    let tail = unsafe { BufRingEntry::tail(base) };
    assert_eq!(
        tail.addr() - base.addr(),
        std::mem::offset_of!(uring_sys::io_uring_buf, resv)
    );
    assert_eq!(size_of::<BufRingEntry>(), 16);
}

/// Flags keep what they do not name: the kernel may be newer.
#[test]
fn flags_keep_unknown_bits() {
    assert_eq!(RwFlags::from(1u32 << 30).bits(), 1 << 30);
    assert_eq!(
        PollFlags::from(libc::POLLIN | libc::POLLOUT),
        PollFlags::IN | PollFlags::OUT
    );
    assert_eq!(MsgFlags::from(libc::MSG_PEEK), MsgFlags::PEEK);
    assert_eq!(FutexFlags::PRIVATE.bits(), libc::FUTEX_PRIVATE_FLAG as u32);
}
