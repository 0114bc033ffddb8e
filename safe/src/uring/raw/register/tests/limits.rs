//! What operations are there, and what they may do: probe, personality, restrictions, workers.

use std::mem;

use uring_sys::*;

use crate::error::RingError;

use super::super::{BpfFilter, Probe, Restriction, filter_task, restrict_task};
use super::{Ring, entry, has, refused, ring};

#[test]
fn a_probe_says_what_the_kernel_has() {
    let ring = ring();
    let mut probe = Probe::new();
    assert!(!probe.is_supported(IORING_OP_NOP));
    // Twice: one that was filled before is cleared first, or the kernel would refuse it.
    for _ in 0..2 {
        ring.submitter().register_probe(&mut probe).unwrap();
        assert!(probe.is_supported(IORING_OP_NOP) && probe.is_supported(IORING_OP_READ));
        assert!(!probe.is_supported(u8::MAX));
    }
    assert!(format!("{probe:?}").starts_with("{0, 1, 2,"));
}

#[test]
fn an_operation_runs_with_a_registered_personality() {
    let ring = ring();
    let id = ring.submitter().register_personality().unwrap();
    assert_ne!(id, 0);
    let nop_as = |personality| {
        let mut sqe = entry(IORING_OP_NOP, -1);
        sqe.personality = personality;
        // SAFETY: the entry names no memory.
        unsafe { ring.run(sqe) }.unwrap()
    };
    assert_eq!(nop_as(id), 0);
    ring.submitter().unregister_personality(id).unwrap();
    assert_eq!(nop_as(id), -libc::EINVAL);
    refused!(ring.submitter().unregister_personality(id), EINVAL);
}

/// Credentials are those at the time of the registration: what only the superuser may open is opened with
/// them after the thread has given its rights up.
#[test]
fn a_personality_keeps_the_rights_of_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "x").unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    // SAFETY: the call has no preconditions.
    assert_eq!(unsafe { libc::geteuid() }, 0, "needs the superuser");
    // A thread of its own: the rights are the thread's.
    let results = std::thread::spawn(move || {
        let ring = ring();
        let id = ring.submitter().register_personality().unwrap();
        // SAFETY: the raw call changes this thread's user alone, as the C library's would not.
        let changed = unsafe { libc::syscall(libc::SYS_setresuid, -1, 65534, -1) };
        assert_eq!(changed, 0);
        let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
        [0, id].map(|personality| {
            let mut sqe = entry(IORING_OP_OPENAT, libc::AT_FDCWD);
            sqe.set_addr(path.as_ptr() as u64);
            sqe.personality = personality;
            // SAFETY: the path outlives the operation, which is waited for.
            unsafe { ring.run(sqe) }.unwrap()
        })
    })
    .join()
    .unwrap();
    assert_eq!(results[0], -libc::EACCES);
    assert!(results[1] >= 0, "errno {}", -results[1]);
    // SAFETY: the descriptor was just made for us.
    unsafe { libc::close(results[1]) };
}

#[test]
fn a_restricted_ring_does_what_it_may_and_no_more() {
    let ring = Ring::new(IORING_SETUP_R_DISABLED).unwrap();
    let submitter = ring.submitter();
    submitter
        .register_restrictions(&[
            Restriction::sqe_op(IORING_OP_NOP),
            Restriction::sqe_flags_allowed(IOSQE_ASYNC | IOSQE_IO_LINK),
            Restriction::sqe_flags_required(IOSQE_ASYNC),
            Restriction::register_op(IORING_REGISTER_ENABLE_RINGS as u8),
            Restriction::register_op(IORING_REGISTER_PROBE as u8),
        ])
        .unwrap();
    refused!(
        submitter.register_restrictions(&[Restriction::sqe_op(0)]),
        EBUSY
    );
    submitter.register_enable_rings().unwrap();
    let run = |opcode, flags| {
        let mut sqe = entry(opcode, -1);
        sqe.flags = flags;
        // SAFETY: neither opcode is given memory.
        unsafe { ring.run(sqe) }.unwrap()
    };
    assert_eq!(run(IORING_OP_NOP, IOSQE_ASYNC), 0);
    assert_eq!(run(IORING_OP_NOP, 0), -libc::EACCES);
    assert_eq!(
        run(IORING_OP_NOP, IOSQE_ASYNC | IOSQE_IO_DRAIN),
        -libc::EACCES
    );
    assert_eq!(run(IORING_OP_TIMEOUT, IOSQE_ASYNC), -libc::EACCES);
    submitter.register_probe(&mut Probe::new()).unwrap();
    refused!(submitter.register_personality(), EACCES);
}

#[test]
fn restrictions_come_before_the_ring_is_enabled() {
    let ring = ring();
    let submitter = ring.submitter();
    refused!(
        submitter.register_restrictions(&[Restriction::sqe_op(0)]),
        EBADFD
    );
    refused!(submitter.register_enable_rings(), EBADFD);
    let ring = Ring::new(IORING_SETUP_R_DISABLED).unwrap();
    let submitter = ring.submitter();
    refused!(
        submitter.register_restrictions(&[Restriction::sqe_op(255)]),
        EINVAL
    );
    // A failure leaves none behind.
    submitter.register_enable_rings().unwrap();
    submitter.register_personality().unwrap();
}

/// Runs in a child: what is restricted stays so.
fn in_a_child(check: impl Fn() -> bool) -> bool {
    // SAFETY: the child makes system calls and leaves; it shares nothing that it could break.
    match unsafe { libc::fork() } {
        -1 => panic!("no child"),
        // SAFETY: leaves at once, without the parent's exit handlers.
        0 => unsafe { libc::_exit(i32::from(!check())) },
        child => {
            let mut status = 0;
            // SAFETY: our own child, and a live integer.
            assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
            status == 0
        }
    }
}

#[test]
fn a_task_can_be_restricted_from_7_0_on() {
    let allow = [Restriction::sqe_op(IORING_OP_NOP)];
    if has(IORING_REGISTER_BPF_FILTER) {
        assert!(in_a_child(|| {
            restrict_task(&allow).is_ok()
                && restrict_task(&allow).is_err_and(|e| e.raw_os_error() == Some(libc::EPERM))
                && Ring::new(0).is_ok_and(|ring| {
                    let run = |opcode| {
                        // SAFETY: neither opcode is given memory.
                        unsafe { ring.run(entry(opcode, -1)) }.unwrap_or(-1)
                    };
                    run(IORING_OP_NOP) == 0 && run(IORING_OP_TIMEOUT) == -libc::EACCES
                })
        }));
    } else {
        refused!(restrict_task(&allow), EINVAL);
    }
    refused!(restrict_task(&[Restriction::sqe_op(255)]), EINVAL);
    refused!(restrict_task(&[Restriction::sqe_op(0); 513]), EINVAL);
}

/// Returns a constant: `BPF_RET | BPF_K`.
const fn answer(k: u32) -> [libc::sock_filter; 1] {
    [libc::sock_filter {
        code: (libc::BPF_RET | libc::BPF_K) as u16,
        jt: 0,
        jf: 0,
        k,
    }]
}

#[test]
fn a_filter_denies_operations_from_7_0_on() {
    let (deny, allow) = (answer(0), answer(1));
    let filter = BpfFilter::new(IORING_OP_NOP, &deny);
    let ring = ring();
    if has(IORING_REGISTER_BPF_FILTER) {
        let nop = |ring: &Ring| {
            // SAFETY: the entry names no memory.
            unsafe { ring.run(entry(IORING_OP_NOP, -1)) }.unwrap_or(-1)
        };
        let allowing = BpfFilter::new(IORING_OP_NOP, &allow);
        assert_eq!(ring.submitter().register_bpf_filter(&allowing).unwrap(), 0);
        assert_eq!(nop(&ring), 0);
        ring.submitter().register_bpf_filter(&filter).unwrap();
        assert_eq!(nop(&ring), -libc::EACCES);
        let wrong = allowing.pdu_size(200).strict();
        refused!(ring.submitter().register_bpf_filter(&wrong), EMSGSIZE);
        assert!(in_a_child(|| {
            filter_task(&filter).is_ok()
                && Ring::new(0).is_ok_and(|ring| nop(&ring) == -libc::EACCES)
        }));
    } else {
        refused!(ring.submitter().register_bpf_filter(&filter), EINVAL);
        refused!(filter_task(&filter), EINVAL);
    }
    let none = BpfFilter::new(IORING_OP_NOP, &[]).deny_rest();
    refused!(ring.submitter().register_bpf_filter(&none), EINVAL);
    refused!(filter_task(&none), EINVAL);
}

#[test]
fn another_thread_may_not_register_where_one_issues() {
    let ring = Ring::new(IORING_SETUP_SINGLE_ISSUER).unwrap();
    std::thread::scope(|scope| {
        let submitter = ring.submitter();
        let result = scope.spawn(move || submitter.register_personality()).join();
        let error = result.unwrap().unwrap_err();
        let why = error.get_ref().and_then(|why| why.downcast_ref());
        assert_eq!(why, Some(&RingError::WrongThread));
    });
    ring.submitter().register_personality().unwrap();
}

#[test]
fn the_limits_of_workers_are_answered_and_set() {
    let ring = ring();
    let submitter = ring.submitter();
    let mut limits = [3, 5];
    submitter.register_iowq_max_workers(&mut limits).unwrap();
    assert!(limits[0] > 0 && limits[1] > 0 && limits != [3, 5]);
    let mut now = [0, 0];
    submitter.register_iowq_max_workers(&mut now).unwrap();
    assert_eq!(now, [3, 5]);
    // The kernel knows two kinds of workers.
    // SAFETY: one limit, as `nr_args` says.
    let one =
        unsafe { submitter.register(IORING_REGISTER_IOWQ_MAX_WORKERS, limits.as_ptr().cast(), 1) };
    refused!(one, EINVAL);
}

#[test]
fn workers_run_where_they_are_told_to() {
    let ring = ring();
    let submitter = ring.submitter();
    // SAFETY: zero is a value of the set.
    let mut cpus: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: a live set of that size.
    let read = unsafe { libc::sched_getaffinity(0, mem::size_of_val(&cpus), &mut cpus) };
    assert_eq!(read, 0);
    // SAFETY: a live set.
    let one = (0..1024)
        .find(|&cpu| unsafe { libc::CPU_ISSET(cpu, &cpus) })
        .unwrap();
    // SAFETY: zero is a value of the set.
    let mut only: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: a live set, and a CPU in it.
    unsafe { libc::CPU_SET(one, &mut only) };
    submitter.register_iowq_aff(&only).unwrap();
    // A worker takes on the mask when it starts: the operation that it runs tells where.
    let mut sqe = entry(IORING_OP_NOP, -1);
    sqe.flags = IOSQE_ASYNC;
    // SAFETY: the entry names no memory.
    assert_eq!(unsafe { ring.run(sqe) }.unwrap(), 0);
    assert_eq!(worker_affinities(), vec![only_of(one)]);
    submitter.unregister_iowq_aff().unwrap();
    // The kernel ignores CPUs that the machine does not have, and takes a set of none for no wish.
    // SAFETY: a mask of no bytes, as `nr_args` says.
    let none = unsafe {
        submitter.register(
            IORING_REGISTER_IOWQ_AFF,
            std::ptr::from_ref(&only).cast(),
            0,
        )
    };
    refused!(none, EINVAL);
}

/// The one-CPU list as the kernel prints it.
fn only_of(cpu: usize) -> String {
    cpu.to_string()
}

/// Where the workers of the calling thread may run, each as the kernel prints it.
fn worker_affinities() -> Vec<String> {
    // SAFETY: the call has no preconditions.
    let name = format!("iou-wrk-{}", unsafe { libc::gettid() });
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks
        .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("status")).ok())
        .filter(|status| status.lines().any(|line| line == format!("Name:\t{name}")))
        .filter_map(|status| {
            let list = status
                .lines()
                .find_map(|line| line.strip_prefix("Cpus_allowed_list:\t"));
            list.map(str::to_owned)
        })
        .collect()
}
