//! Making rings, and being told why one could not be made.

#![cfg(feature = "uring")]

mod support;

use std::io;

use safe::error::{SetupError, SetupReason};
use safe::uring::raw::{Builder, IoUring, cqueue, opcode, squeue};
use support::in_process_of_its_own;
use uring_sys::*;

type Plain = Builder<squeue::Entry, cqueue::Entry>;

fn plain() -> Plain {
    IoUring::builder()
}

/// The error of a ring with these flags.
///
/// # Safety
///
/// As for [`Builder::setup_flags`].
unsafe fn with_raw_flags(flags: u32) -> io::Error {
    let mut builder = plain();
    // SAFETY: by the caller's promise.
    unsafe { builder.setup_flags(flags) };
    refused(&builder, 4)
}

/// The error that explains itself, and that the bare one is its errno.
fn refused(builder: &Plain, entries: u32) -> io::Error {
    let error = builder.build_explained(entries).unwrap_err();
    let bare = builder.build(entries).unwrap_err();
    assert_eq!(bare.raw_os_error(), setup_error(&error).raw_os_error());
    assert!(bare.raw_os_error().is_some() && bare.kind() == error.kind());
    error
}

fn setup_error(error: &io::Error) -> &SetupError {
    error
        .get_ref()
        .and_then(|source| source.downcast_ref())
        .expect("the source is a SetupError")
}

/// That a ring made so works, with its flags as asked.
fn works<S: squeue::EntryMarker, C: cqueue::EntryMarker>(builder: &Builder<S, C>, flags: u32) {
    let mut ring = builder.build(4).unwrap();
    assert_eq!(ring.params().flags() & flags, flags, "{builder:?}");
    if flags & IORING_SETUP_R_DISABLED != 0 {
        ring.submitter().register_enable_rings().unwrap();
    }
    let nop = S::from(opcode::Nop::new().build().user_data(7));
    // SAFETY: a NOP names no memory.
    unsafe { ring.submission().push(&nop) }.unwrap();
    let submitted = ring.submit_and_wait(1).unwrap();
    // A polling thread may have taken the entry before it was counted.
    assert!(submitted == 1 || ring.params().is_setup_sqpoll());
    let seen: Vec<_> = ring.completion().map(|c| c.user_data()).collect();
    assert_eq!(seen, [7]);
}

#[test]
fn each_flag_makes_a_ring_that_works() {
    works(plain().setup_iopoll(), IORING_SETUP_IOPOLL);
    works(
        plain().setup_iopoll().setup_hybrid_iopoll(),
        IORING_SETUP_HYBRID_IOPOLL,
    );
    works(plain().setup_sqpoll(10), IORING_SETUP_SQPOLL);
    works(
        plain().setup_sqpoll(10).setup_sqpoll_cpu(0),
        IORING_SETUP_SQ_AFF,
    );
    works(plain().setup_cqsize(16), IORING_SETUP_CQSIZE);
    works(plain().setup_clamp(), IORING_SETUP_CLAMP);
    works(plain().setup_r_disabled(), IORING_SETUP_R_DISABLED);
    works(plain().setup_submit_all(), IORING_SETUP_SUBMIT_ALL);
    works(plain().setup_coop_taskrun(), IORING_SETUP_COOP_TASKRUN);
    works(
        plain().setup_coop_taskrun().setup_taskrun_flag(),
        IORING_SETUP_TASKRUN_FLAG,
    );
    works(plain().setup_single_issuer(), IORING_SETUP_SINGLE_ISSUER);
    works(
        plain().setup_single_issuer().setup_defer_taskrun(),
        IORING_SETUP_DEFER_TASKRUN,
    );
    works(plain().setup_no_mmap(), IORING_SETUP_NO_MMAP);
    works(
        plain().setup_no_mmap().setup_registered_fd_only(),
        IORING_SETUP_REGISTERED_FD_ONLY,
    );
    works(plain().setup_no_sqarray(), IORING_SETUP_NO_SQARRAY);
    works(plain().dontfork(), 0);
    works(
        &IoUring::<squeue::Entry128, cqueue::Entry>::builder(),
        IORING_SETUP_SQE128,
    );
    works(
        &IoUring::<squeue::Entry, cqueue::Entry32>::builder(),
        IORING_SETUP_CQE32,
    );
    works(
        &IoUring::<squeue::Entry, cqueue::EntryMixed>::builder(),
        IORING_SETUP_CQE_MIXED,
    );
}

/// The flags of newer kernels work, or the kernel refuses them and the error names the one that it lacks.
#[test]
fn a_flag_that_the_kernel_lacks_is_named() {
    fn works_or_named<S: squeue::EntryMarker, C: cqueue::EntryMarker>(
        builder: &Builder<S, C>,
        flag: u32,
        text: &str,
    ) {
        match builder.build_explained(4) {
            Ok(_) => works(builder, flag),
            Err(error) => {
                let error = setup_error(&error);
                assert!(error.is_from_kernel());
                assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
                let expected = SetupReason::UnsupportedFlags { flags: flag };
                assert_eq!(error.reason(), &expected);
                assert!(error.to_string().contains(text), "{error}");
            }
        }
    }
    works_or_named(
        &IoUring::<squeue::EntryMixed, cqueue::Entry>::builder(),
        IORING_SETUP_SQE_MIXED,
        "lacks IORING_SETUP_SQE_MIXED (since Linux 6.19)",
    );
    works_or_named(
        plain().setup_no_sqarray().setup_sq_rewind(),
        IORING_SETUP_SQ_REWIND,
        "lacks IORING_SETUP_SQ_REWIND (since Linux 7.0)",
    );
    // SAFETY: the kernel does not know the bit, and refuses it.
    let error = unsafe { with_raw_flags(1 << 31) };
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    let error = setup_error(&error);
    let expected = SetupReason::UnsupportedFlags { flags: 1 << 31 };
    assert_eq!(error.reason(), &expected);
    assert!(error.to_string().contains("bits 0x80000000"), "{error}");
}

/// What the kernel would refuse is refused before, naming both flags; with raw flags the kernel says it.
#[test]
fn flags_that_exclude_or_need_each_other_are_named() {
    type Set = fn(&mut Plain) -> &mut Plain;
    let conflicts: [(Set, u32, u32, &str); 9] = [
        (
            |b| b.setup_sqpoll_cpu(0),
            IORING_SETUP_SQ_AFF,
            IORING_SETUP_SQPOLL,
            "IORING_SETUP_SQ_AFF (since Linux 5.1) needs IORING_SETUP_SQPOLL (since Linux 5.1)",
        ),
        (
            |b| b.setup_sqpoll(1).setup_coop_taskrun(),
            IORING_SETUP_COOP_TASKRUN,
            IORING_SETUP_SQPOLL,
            "excludes",
        ),
        (
            |b| {
                b.setup_sqpoll(1)
                    .setup_defer_taskrun()
                    .setup_single_issuer()
            },
            IORING_SETUP_DEFER_TASKRUN,
            IORING_SETUP_SQPOLL,
            "excludes",
        ),
        (
            |b| b.setup_taskrun_flag(),
            IORING_SETUP_TASKRUN_FLAG,
            IORING_SETUP_COOP_TASKRUN,
            "needs IORING_SETUP_COOP_TASKRUN (since Linux 5.19) or IORING_SETUP_DEFER_TASKRUN (since Linux 6.1)",
        ),
        (
            |b| b.setup_defer_taskrun(),
            IORING_SETUP_DEFER_TASKRUN,
            IORING_SETUP_SINGLE_ISSUER,
            "needs",
        ),
        (
            |b| b.setup_registered_fd_only(),
            IORING_SETUP_REGISTERED_FD_ONLY,
            IORING_SETUP_NO_MMAP,
            "needs",
        ),
        (
            |b| b.setup_hybrid_iopoll(),
            IORING_SETUP_HYBRID_IOPOLL,
            IORING_SETUP_IOPOLL,
            "needs",
        ),
        (
            |b| b.setup_sq_rewind(),
            IORING_SETUP_SQ_REWIND,
            IORING_SETUP_NO_SQARRAY,
            "(since Linux 7.0) needs IORING_SETUP_NO_SQARRAY (since Linux 6.6)",
        ),
        (
            |b| b.setup_sq_rewind().setup_no_sqarray().setup_sqpoll(1),
            IORING_SETUP_SQ_REWIND,
            IORING_SETUP_SQPOLL,
            "excludes",
        ),
    ];
    for (set, first, second, text) in conflicts {
        let mut builder = plain();
        let error = refused(set(&mut builder), 4);
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        let error = setup_error(&error);
        assert!(!error.is_from_kernel());
        let SetupReason::FlagConflict(conflict) = error.reason() else {
            panic!("{error:?}");
        };
        assert_eq!(conflict.flags(), (first, second), "{error}");
        assert!(error.to_string().contains(text), "{error}");
        // The kernel itself, asked through the escape hatch.
        // SAFETY: no bit is set.
        unsafe { builder.setup_flags(0) };
        let error = refused(&builder, 4);
        assert!(setup_error(&error).is_from_kernel());
        assert_eq!(setup_error(&error).raw_os_error(), Some(libc::EINVAL));
    }
}

#[test]
fn the_size_of_entries_is_the_types() {
    for flag in [
        IORING_SETUP_SQE128,
        IORING_SETUP_CQE32,
        IORING_SETUP_CQE_MIXED,
        IORING_SETUP_SQE_MIXED,
    ] {
        // SAFETY: this crate knows the bits.
        let error = unsafe { with_raw_flags(flag) };
        assert_eq!(setup_error(&error).reason(), &SetupReason::EntrySize);
    }
}

#[test]
fn impossible_numbers_of_entries_are_named() {
    for (entries, completion) in [(0, 0), (32769, 0), (8, 4), (8, 65537)] {
        let mut builder = plain();
        if completion != 0 {
            builder.setup_cqsize(completion);
        }
        let error = refused(&builder, entries);
        let expected = SetupReason::Entries {
            submission: entries,
            completion,
        };
        assert_eq!(setup_error(&error).reason(), &expected);
        assert!(setup_error(&error).is_from_kernel());
    }
    let ring = plain().setup_clamp().build(1 << 20).unwrap();
    assert_eq!(ring.params().sq_entries(), 32768);
    let ring = plain().setup_cqsize(9).build(5).unwrap();
    assert_eq!(
        (ring.params().sq_entries(), ring.params().cq_entries()),
        (8, 16)
    );
}

/// Makes io_uring_setup(2) fail with `errno` in this thread, by a seccomp filter.
fn filter_setup(errno: i32) {
    let number = libc::SYS_io_uring_setup as u32;
    let statement = |code: u32, k: u32| libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf: 0,
        k,
    };
    // If the number, at offset 0 of `seccomp_data`, is the call's: the errno. Otherwise: go on.
    let program = [
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0),
        libc::sock_filter {
            code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
            jt: 0,
            jf: 1,
            k: number,
        },
        statement(
            libc::BPF_RET | libc::BPF_K,
            libc::SECCOMP_RET_ERRNO | errno as u32,
        ),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: the program is live and is copied by the call.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let mode = libc::SECCOMP_MODE_FILTER;
        assert_eq!(
            libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program),
            0
        );
    }
}

#[test]
fn a_system_call_that_is_not_there() {
    in_process_of_its_own("a_system_call_that_is_not_there", || {
        filter_setup(libc::ENOSYS);
        let error = refused(&plain(), 4);
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        let error = setup_error(&error);
        assert_eq!(error.raw_os_error(), Some(libc::ENOSYS));
        // The kernel does have it, which its sysctl gives away (since Linux 6.6).
        let filtered = std::path::Path::new("/proc/sys/kernel/io_uring_disabled").exists();
        assert_eq!(error.reason(), &SetupReason::NoSystemCall { filtered });
    });
}

#[test]
fn a_system_call_that_seccomp_forbids() {
    in_process_of_its_own("a_system_call_that_seccomp_forbids", || {
        filter_setup(libc::EPERM);
        let error = refused(&plain(), 4);
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        let error = setup_error(&error);
        assert_eq!(error.raw_os_error(), Some(libc::EPERM));
        assert_eq!(error.reason(), &SetupReason::Seccomp);
    });
}

/// The sysctl is shown with another value, in a mount namespace of the test's own, and the refusal that
/// goes with it comes from a filter: the machine's setting is left alone.
#[test]
fn a_system_call_that_the_administrator_forbids() {
    in_process_of_its_own("a_system_call_that_the_administrator_forbids", || {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "2\n").unwrap();
        let source = std::ffi::CString::new(file.path().to_str().unwrap()).unwrap();
        let none = std::ptr::null();
        // SAFETY: the strings are live; the namespace is this thread's own.
        unsafe {
            assert_eq!(libc::unshare(libc::CLONE_NEWNS), 0, "this test needs root");
            let private = libc::MS_REC | libc::MS_PRIVATE;
            assert_eq!(
                libc::mount(none, c"/".as_ptr(), none, private, none.cast()),
                0
            );
            let target = c"/proc/sys/kernel/io_uring_disabled";
            let bound = libc::mount(
                source.as_ptr(),
                target.as_ptr(),
                none,
                libc::MS_BIND,
                none.cast(),
            );
            assert_eq!(bound, 0, "{}", io::Error::last_os_error());
        }
        filter_setup(libc::EPERM);
        let error = refused(&plain(), 4);
        let error = setup_error(&error);
        assert_eq!(error.reason(), &SetupReason::Disabled { level: 2 });
        assert!(
            error.to_string().contains("kernel.io_uring_disabled is 2"),
            "{error}"
        );
    });
}

/// A user without privileges and a limit of 64 KiB: kernels that count the rings refuse, others make it.
#[test]
fn a_limit_on_locked_memory_is_told() {
    in_process_of_its_own("a_limit_on_locked_memory_is_told", || {
        let limit = libc::rlimit {
            rlim_cur: 64 << 10,
            rlim_max: 64 << 10,
        };
        // SAFETY: the struct is live; the ids are this process's own.
        unsafe {
            assert_eq!(libc::setrlimit(libc::RLIMIT_MEMLOCK, &limit), 0);
            assert_eq!(libc::setgid(54321), 0, "this test needs root");
            assert_eq!(libc::setuid(54321), 0);
        }
        let Err(error) = plain().build_explained(1024) else {
            // The kernel does not count it: then nor does it count many.
            let rings: Vec<_> = (0..8).map(|_| IoUring::new(1024).unwrap()).collect();
            assert_eq!(rings.len(), 8);
            return;
        };
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
        let error = setup_error(&error);
        let SetupReason::Memlock { limit, need } = *error.reason() else {
            panic!("{error:?}");
        };
        assert_eq!(limit, 64 << 10);
        // 1024 entries of 64 bytes, 2048 completions of 16, 1024 indexes of 4, and a header.
        assert!((25 * 4096..=27 * 4096).contains(&need), "{need}");
        assert!(IoUring::new(8).is_ok(), "a small one fits");
    });
}
