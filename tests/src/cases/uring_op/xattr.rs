//! Extended attributes: FSETXATTR, SETXATTR, FGETXATTR, GETXATTR.

use std::fs::File;
use std::os::fd::AsRawFd;

use uring_sys::*;

use super::{case, refuses, ring};
use crate::case::{Case, Run, Stop, pass};
use crate::context::Context;
use crate::ring::mem::Mem;
use crate::ring::op::Op;
use crate::support::files::pattern_file;
use crate::support::names::Res;
use crate::{ensure, ensure_eq};

pub(super) static CASES: &[Case] = &[
    case(
        "uring/op/fgetxattr/bad",
        &["IORING_OP_FGETXATTR", "IORING_OP_FSETXATTR"],
        (5, 19),
        file_bad,
    )
    .on_each_file_system(),
    case(
        "uring/op/fsetxattr/value",
        &["IORING_OP_FSETXATTR", "IORING_OP_FGETXATTR"],
        (5, 19),
        file_value,
    )
    .on_each_file_system(),
    case(
        "uring/op/getxattr/bad",
        &["IORING_OP_GETXATTR", "IORING_OP_SETXATTR"],
        (5, 19),
        path_bad,
    )
    .on_each_file_system(),
    case(
        "uring/op/setxattr/value",
        &["IORING_OP_SETXATTR", "IORING_OP_GETXATTR"],
        (5, 19),
        path_value,
    )
    .on_each_file_system(),
];

/// What the attribute belongs to.
#[derive(Clone, Copy)]
enum Of<'a> {
    File(&'a File),
    Path(&'a str),
}

/// Sets or gets, by the opcode, the attribute `name`.
fn xattr(of: Of<'_>, set: bool, name: &str, value: Mem, flags: i32) -> Op {
    let (opcode, fd, path) = match (of, set) {
        (Of::File(file), true) => (IORING_OP_FSETXATTR, file.as_raw_fd(), None),
        (Of::File(file), false) => (IORING_OP_FGETXATTR, file.as_raw_fd(), None),
        (Of::Path(path), true) => (IORING_OP_SETXATTR, 0, Some(Mem::name(path))),
        (Of::Path(path), false) => (IORING_OP_GETXATTR, 0, Some(Mem::name(path))),
    };
    let name = Mem::name(name);
    // SAFETY: name and path end with a NUL, `len` is the size of the value, and none of them is ever given back.
    unsafe {
        Op::new(opcode, fd, |sqe| {
            sqe.set_addr(name.addr());
            sqe.set_addr2(value.addr());
            sqe.set_addr3(path.map_or(0, Mem::addr));
            sqe.len = value.len();
            sqe.set_xattr_flags(flags as u32);
        })
    }
}

/// A name that the folder's file system takes: in the users' namespace, or in root's.
fn name(file: &File) -> Result<&'static str, Stop> {
    for (name, text) in [
        (c"user.conformance", "user.conformance"),
        (c"trusted.conformance", "trusted.conformance"),
    ] {
        // SAFETY: the name ends with a NUL, and the value has the length told.
        let set =
            unsafe { libc::fsetxattr(file.as_raw_fd(), name.as_ptr(), c"x".as_ptr().cast(), 1, 0) };
        if set == 0 {
            // SAFETY: the name ends with a NUL.
            unsafe { libc::fremovexattr(file.as_raw_fd(), name.as_ptr()) };
            return Ok(text);
        }
    }
    Err(Stop::Skipped {
        missing: "needs extended attributes in the temporary folder".into(),
    })
}

/// A value is set, got back, replaced, and measured.
fn value(cx: &Context, of: Of<'_>, name: &str) -> Run {
    let mut ring = ring()?;
    let set = |value: &[u8], flags| xattr(of, true, name, Mem::of(value), flags);
    let get = |mem| xattr(of, false, name, mem, 0);
    cx.accepted(ring.run(set(b"first", libc::XATTR_CREATE))?.res)?;
    let mem = Mem::zeroed(100);
    ensure_eq!(Res(ring.run(get(mem))?.res), Res(5), "length");
    ensure!(mem.get().starts_with(b"first\0"), "value");
    refuses(
        &mut ring,
        &[
            (
                "XATTR_CREATE of one that is there",
                set(b"x", libc::XATTR_CREATE),
                libc::EEXIST,
            ),
            ("too little room", get(mem.part(0, 4)), libc::ERANGE),
        ],
    )?;
    ensure_eq!(
        Res(ring.run(set(b"second!", libc::XATTR_REPLACE))?.res),
        Res(0),
        "XATTR_REPLACE"
    );
    ensure_eq!(
        Res(ring.run(get(mem.part(0, 0)))?.res),
        Res(7),
        "length asked with no room"
    );
    ensure_eq!(Res(ring.run(get(mem))?.res), Res(7), "length");
    ensure!(mem.get().starts_with(b"second!\0"), "value");
    pass()
}

/// Names, flags and addresses that are wrong.
fn bad(cx: &Context, of: Of<'_>, name: &str) -> Run {
    let mut ring = ring()?;
    let mem = Mem::zeroed(100);
    let (set, get) = (
        |name, flags| xattr(of, true, name, mem, flags),
        |name| xattr(of, false, name, mem, 0),
    );
    cx.accepted(ring.run(set(name, 0))?.res)?;
    refuses(
        &mut ring,
        &[
            (
                "an attribute that is not there",
                get("user.none"),
                if name.starts_with("user") {
                    libc::ENODATA
                } else {
                    libc::EOPNOTSUPP
                },
            ),
            ("no such namespace", set("nowhere.x", 0), libc::EOPNOTSUPP),
            ("an empty name", set("", 0), libc::ERANGE),
            (
                "XATTR_REPLACE of none",
                set(&format!("{name}2"), libc::XATTR_REPLACE),
                libc::ENODATA,
            ),
            ("unknown flags", set(name, 1 << 30), libc::EINVAL),
            ("no name to set", set(name, 0).nowhere(), libc::EFAULT),
            ("no name to get", get(name).nowhere(), libc::EFAULT),
            ("no value to set", set(name, 0).nowhere2(), libc::EFAULT),
            ("no room to get", get(name).nowhere2(), libc::EFAULT),
        ],
    )
}

fn file_bad(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 1)?;
    let name = name(&file)?;
    bad(cx, Of::File(&file), name)?;
    let op = xattr(Of::File(&file), false, name, Mem::zeroed(10), 0);
    refuses(&mut ring()?, &[("fd -1", op.fd(-1), libc::EBADF)])
}

fn file_value(cx: &mut Context) -> Run {
    let file = pattern_file(cx, "f", 1)?;
    let name = name(&file)?;
    value(cx, Of::File(&file), name)
}

fn path_bad(cx: &mut Context) -> Run {
    let name = name(&pattern_file(cx, "f", 1)?)?;
    bad(cx, Of::Path("f"), name)?;
    let mem = Mem::zeroed(10);
    let op = xattr(Of::Path("f"), false, name, mem, 0);
    // SAFETY: there is no memory at the path's address.
    let no_path = unsafe { op.changed(|sqe| sqe.set_addr3(crate::ring::mem::NOWHERE)) };
    refuses(
        &mut ring()?,
        &[
            (
                "a path that is not there to set",
                xattr(Of::Path("g"), true, name, mem, 0),
                libc::ENOENT,
            ),
            (
                "a path that is not there to get",
                xattr(Of::Path("g"), false, name, mem, 0),
                libc::ENOENT,
            ),
            ("no path", no_path, libc::EFAULT),
            ("a fixed file", op.with(IOSQE_FIXED_FILE), libc::EBADF),
        ],
    )
}

fn path_value(cx: &mut Context) -> Run {
    let name = name(&pattern_file(cx, "f", 1)?)?;
    value(cx, Of::Path("f"), name)
}
