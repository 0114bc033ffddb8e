//! The harness against cases that behave badly. Each must end as that case's own result, and leave nothing behind.

use std::fs::File;
use std::io;
use std::num::NonZero;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::process::{self, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use conformance::case::{Case, Place, Run, Since, Stop, fail, kernel, pass, skipped, unsupported};
use conformance::context::Context;
use conformance::deviations::Deviation;
use conformance::ensure;
use conformance::file_system::FileSystem;
use conformance::kernel::Version;
use conformance::report::{CaseReport, Outcome};
use conformance::requirement::Requirement;
use conformance::runner::Runner;
use conformance::support::memory_group::MemoryGroup;
use libtest_mimic::{Arguments, Failed, Trial};

const fn libc_case(id: &'static str, run: fn(&mut Context) -> Run) -> Case {
    Case::new(id, &["item"], Since::Libc, run)
}

static ABORTS: Case = libc_case("bad/aborts", |_| process::abort());
static ALONE: Case = libc_case("bad/alone", |_| lock(libc::LOCK_EX)).alone();
static CRASHES: Case = libc_case("bad/crashes", crashes);
static CLOSES: Case = libc_case("bad/closes", closes);
static EXITS: Case = libc_case("bad/exits", |_| process::exit(0));
static FAILS: Case = libc_case("bad/fails", |_| fail("not as it should be"));
static FORKS: Case = libc_case("bad/forks", forks);
static FORKS_AND_HANGS: Case = libc_case("bad/forks-and-hangs", |cx| {
    forks(cx)?;
    hang()
});
static HANGS: Case = libc_case("bad/hangs", |_| hang());
static ABORTS_IN_GROUP: Case = libc_case("bad/aborts-in-group", |_| {
    let group = MemoryGroup::new()?;
    let _limit = group.enter()?;
    process::abort()
})
.requires(&[Requirement::Root]);
static NO_GROUP_LEFT: Case = libc_case("bad/no-group-left", |_| {
    let group = MemoryGroup::new()?;
    // They are removed as soon as their processes have ended.
    while !group.left_over()?.is_empty() {
        thread::yield_now();
    }
    group.remove()
})
.requires(&[Requirement::Root]);
static NEEDS: Case =
    libc_case("bad/needs", |_| pass()).requires(&[Requirement::Root, Requirement::Cpus(1 << 30)]);
static NOTES: Case = libc_case("bad/notes", |cx| {
    cx.note("seen");
    pass()
});
static PANICS: Case = libc_case("bad/panics", |_| {
    assert_eq!(1 + 1, 3, "sum");
    pass()
});
static PANICS_ASIDE: Case = libc_case("bad/panics-aside", |_| {
    let aside = thread::spawn(|| panic!("aside")).join();
    ensure!(aside.is_err(), "the thread did not panic");
    pass()
});
static PRINTS: Case = libc_case("bad/prints", |_| {
    for i in 0..100_000 {
        println!("line {i}");
    }
    fail("printed")
});
static SHARED: Case = libc_case("bad/shared", |_| {
    lock(libc::LOCK_SH)?;
    // Gives a wrong harness time to start another case; a right one passes however long it takes.
    thread::sleep(Duration::from_millis(200));
    pass()
});
static ON_XFS: Case = Case {
    place: Place::On(FileSystem::Xfs),
    ..libc_case("bad/on-xfs", |cx| {
        ensure!(
            std::fs::read_dir(cx.dir())?.count() == 0,
            "the folder is not new"
        );
        pass()
    })
};
static CRASHES_ON_XFS: Case = Case {
    place: Place::On(FileSystem::Xfs),
    ..libc_case("bad/crashes-on-xfs", |cx| {
        cx.note(format_args!("device={}", device(cx)?));
        crashes(cx)
    })
};
static SKIPS: Case = libc_case("bad/skips", |_| skipped("no such thing here"));
static SINCE_5_6: Case = Case::new("bad/since", &["item"], kernel(5, 6), |_| pass());
static REFUSED: Case = Case::new("bad/refused", &["item"], kernel(5, 6), |cx| {
    cx.accepted(-libc::EINVAL)?;
    pass()
})
.refused_by(&[libc::EINVAL]);
static REFUSED_OTHERWISE: Case =
    Case::new("bad/refused-otherwise", &["item"], kernel(5, 6), |_| {
        unsupported(libc::EPERM)
    })
    .refused_by(&[libc::EINVAL]);

static CASES: &[&Case] = &[
    &ABORTS,
    &ABORTS_IN_GROUP,
    &NO_GROUP_LEFT,
    &ALONE,
    &CRASHES,
    &CLOSES,
    &EXITS,
    &FAILS,
    &FORKS,
    &FORKS_AND_HANGS,
    &HANGS,
    &NEEDS,
    &NOTES,
    &PANICS,
    &PANICS_ASIDE,
    &PRINTS,
    &SHARED,
    &SKIPS,
    &ON_XFS,
    &CRASHES_ON_XFS,
    &SINCE_5_6,
    &REFUSED,
    &REFUSED_OTHERWISE,
];

fn crashes(cx: &mut Context) -> Run {
    std::fs::create_dir_all("a/b/c")?;
    File::create("a/b/c/file")?;
    cx.note(format_args!("folder={}", cx.dir().display()));
    loop {
        // More than once: the standard library handles the first, to tell stack overflows, and resets the handler.
        // SAFETY: raise(3) touches no memory; the signal ends the process.
        unsafe { libc::raise(libc::SIGSEGV) };
    }
}

fn closes(_: &mut Context) -> Run {
    for fd in 0..1024 {
        // SAFETY: nothing in this process uses its descriptors any more, or it gets EBADF.
        unsafe { libc::close(fd) };
    }
    pass()
}

/// Leaves a process behind that would live for ever.
fn forks(cx: &mut Context) -> Run {
    // SAFETY: this process has one thread, so the child may do what it likes; it only waits.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error().into()),
        0 => hang(),
        pid => {
            cx.note(format_args!("pid={pid}"));
            pass()
        }
    }
}

fn hang() -> ! {
    loop {
        thread::park();
    }
}

/// Takes a lock that lasts until the process ends, on a file that all cases of this run know.
fn lock(operation: libc::c_int) -> Run {
    // SAFETY: getppid(2) takes nothing and touches no memory.
    let path = shared_file(unsafe { libc::getppid() } as u32);
    let file = File::options().read(true).open(path)?;
    // SAFETY: flock(2) touches no memory.
    if unsafe { libc::flock(file.as_raw_fd(), operation | libc::LOCK_NB) } != 0 {
        return Err(io::Error::last_os_error().into());
    }
    std::mem::forget(file);
    pass()
}

fn shared_file(parent: u32) -> String {
    format!("/proc/{parent}/exe")
}

/// A runner on an imagined kernel, so that nothing here depends on the real one.
fn runner(major: u16, minor: u16, limit: Duration) -> Runner {
    let mut runner = Runner::new().expect("the running kernel has a version");
    runner.kernel = Version::new(major, minor, 0);
    runner.deviations = &[];
    runner.time_limit = limit;
    runner
}

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(500);

fn run(case: &'static Case) -> CaseReport {
    runner(6, 18, LONG).run(case)
}

fn check(
    result: &CaseReport,
    outcome: Outcome,
    begins: &str,
    contains: &str,
) -> Result<(), Failed> {
    let right = result.outcome == outcome
        && result.detail.starts_with(begins)
        && result.detail.contains(contains);
    right.then_some(()).ok_or_else(|| {
        format!("expected {outcome:?} {begins:?} {contains:?}, got {result:#?}").into()
    })
}

/// The text after `key` in the result, up to the end of its line or part.
fn noted<'a>(result: &'a CaseReport, key: &str) -> &'a str {
    let (_, rest) = result.detail.split_once(key).expect("the case noted it");
    rest.split(['\n', ';'])
        .next()
        .expect("split gives one part")
}

/// Fails unless the process has ended, or ends within the time that a kill takes.
fn is_gone(pid: &str) -> Result<(), Failed> {
    let pid: libc::pid_t = pid.parse().map_err(|e| format!("{pid:?}: {e}"))?;
    // SAFETY: pidfd_open(2) takes two numbers and touches no memory.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid as usize, 0usize) };
    if fd < 0 {
        let error = io::Error::last_os_error();
        return match error.raw_os_error() {
            Some(libc::ESRCH) => Ok(()),
            _ => Err(format!("pidfd_open: {error}").into()),
        };
    }
    // SAFETY: pidfd_open(2) returned a new descriptor, which nothing else knows.
    let fd = unsafe { OwnedFd::from_raw_fd(fd as i32) };
    let mut poll = libc::pollfd {
        fd: fd.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: `poll` is one pollfd, writable.
    match unsafe { libc::poll(&mut poll, 1, 10_000) } {
        1 => Ok(()),
        _ => Err(format!("process {pid} still lives").into()),
    }
}

fn crash() -> Result<(), Failed> {
    let result = run(&CRASHES);
    check(
        &result,
        Outcome::Fail,
        "killed by signal 11 (SIGSEGV)",
        "\noutput: ",
    )?;
    let folder = noted(&result, "folder=");
    if Path::new(folder).exists() {
        return Err(format!("{folder} is still there").into());
    }
    Ok(())
}

/// A case that ends abruptly in a control group of its own leaves none.
fn abort_in_a_group() -> Result<(), Failed> {
    let result = run(&ABORTS_IN_GROUP);
    if result.outcome == Outcome::Skipped {
        return check(&result, Outcome::Skipped, "needs ", "");
    }
    check(&result, Outcome::Fail, "killed by signal 6 (SIGABRT)", "")?;
    check(&run(&NO_GROUP_LEFT), Outcome::Pass, "", "")
}

/// What the folder of a case is mounted from.
fn device(cx: &Context) -> Result<String, Stop> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo")?;
    let place = cx.dir().parent().and_then(Path::to_str).unwrap_or("?");
    let line = mounts
        .lines()
        .find(|line| line.split(' ').nth(4) == Some(place));
    let source = line.and_then(|line| line.rsplit(' ').nth(1));
    source
        .map(str::to_owned)
        .ok_or_else(|| Stop::failed("the folder is no mount"))
}

/// A crash leaves no mount in this process's namespace and does not disturb the next case; the device goes with the runner.
fn crash_on_a_file_system() -> Result<(), Failed> {
    let runner = runner(6, 18, LONG);
    let result = runner.run(&CRASHES_ON_XFS);
    if result.outcome == Outcome::Skipped {
        return check(&result, Outcome::Skipped, "xfs: needs ", "");
    }
    check(
        &result,
        Outcome::Fail,
        "killed by signal 11 (SIGSEGV)",
        "device=",
    )?;
    let device = noted(&result, "device=").to_owned();
    if std::fs::read_to_string("/proc/self/mountinfo")?.contains(&format!(" {device} ")) {
        return Err(format!("{device} is still mounted").into());
    }
    let file = backing(&device).ok_or_else(|| format!("{device} holds nothing"))?;
    check(&runner.run(&ON_XFS), Outcome::Pass, "", "")?;
    drop(runner);
    // The kernel takes it apart when the last mount of it has gone, which is not before a moment after its process.
    let end = Instant::now() + Duration::from_secs(10);
    while backing(&device).is_some_and(|now| now == file) {
        if Instant::now() > end {
            return Err(format!("{device} still holds {file}").into());
        }
        thread::yield_now();
    }
    Ok(())
}

/// The file behind a loop device. One without a name has its number in the text.
fn backing(device: &str) -> Option<String> {
    let name = device.trim_start_matches("/dev/");
    std::fs::read_to_string(format!("/sys/block/{name}/loop/backing_file")).ok()
}

fn hanging() -> Result<(), Failed> {
    let result = runner(6, 18, SHORT).run(&HANGS);
    check(&result, Outcome::Fail, "timed out after 0.5 s", "")
}

fn grandchild() -> Result<(), Failed> {
    let result = run(&FORKS);
    check(&result, Outcome::Pass, "pid=", "")?;
    is_gone(noted(&result, "pid="))
}

fn grandchild_of_a_hanging_case() -> Result<(), Failed> {
    let result = runner(6, 18, Duration::from_secs(2)).run(&FORKS_AND_HANGS);
    check(&result, Outcome::Fail, "timed out after 2 s", "pid=")?;
    is_gone(noted(&result, "pid="))
}

fn old_kernel() -> Result<(), Failed> {
    let old = runner(5, 5, LONG);
    check(
        &old.run(&SINCE_5_6),
        Outcome::Fail,
        "passed, but 5.5 should not have it",
        "since 5.6",
    )?;
    check(
        &old.run(&REFUSED),
        Outcome::Unsupported,
        "EINVAL",
        "since 5.6",
    )?;
    check(
        &old.run(&REFUSED_OTHERWISE),
        Outcome::Fail,
        "kernel refused with EPERM",
        "documented is EINVAL",
    )
}

fn new_kernel() -> Result<(), Failed> {
    check(&run(&SINCE_5_6), Outcome::Pass, "", "")?;
    let refused = run(&REFUSED);
    check(
        &refused,
        Outcome::Fail,
        "6.18 should have it (since 5.6), kernel said EINVAL",
        "harness.rs:",
    )
}

fn deviation() -> Result<(), Failed> {
    static BACKPORT: [Deviation; 1] =
        [Deviation::backport("item", Version::new(5, 5, 0), "in 5.5")];
    let mut old = runner(5, 5, LONG);
    old.deviations = &BACKPORT;
    check(&old.run(&SINCE_5_6), Outcome::Pass, "in 5.5", "")?;
    check(
        &old.run(&REFUSED),
        Outcome::Fail,
        "5.5 should have it (in 5.5)",
        "EINVAL",
    )
}

fn output() -> Result<(), Failed> {
    let result = run(&PRINTS);
    check(&result, Outcome::Fail, "printed (", "line 99999")?;
    if result.detail.len() > 3000 {
        return Err(format!("{} bytes of detail", result.detail.len()).into());
    }
    Ok(())
}

fn order() -> Result<(), Failed> {
    let cases: &[&Case] = &[&SHARED, &SINCE_5_6, &SKIPS, &FAILS];
    let jobs = NonZero::new(4).expect("4 is not 0");
    let results = runner(6, 18, LONG).run_all(cases, jobs, |_| ());
    let got: Vec<&str> = results.iter().map(|r| r.id.as_str()).collect();
    let expected: Vec<&str> = cases.iter().map(|c| c.id).collect();
    (got == expected)
        .then_some(())
        .ok_or_else(|| format!("{got:?}").into())
}

fn alone() -> Result<(), Failed> {
    let cases: &[&Case] = &[&SHARED, &ALONE, &SHARED, &ALONE, &SHARED];
    let jobs = NonZero::new(5).expect("5 is not 0");
    for result in runner(6, 18, LONG).run_all(cases, jobs, |_| ()) {
        check(&result, Outcome::Pass, "", "")?;
    }
    Ok(())
}

type Test = fn() -> Result<(), Failed>;

static TESTS: &[(&str, Test)] = &[
    ("a crash is a failure, and its folder is removed", crash),
    (
        "a crash on a file system leaves nothing",
        crash_on_a_file_system,
    ),
    ("an abort in a control group leaves none", abort_in_a_group),
    ("an abort is a failure", || {
        check(
            &run(&ABORTS),
            Outcome::Fail,
            "killed by signal 6 (SIGABRT)",
            "",
        )
    }),
    ("a hang is a failure", hanging),
    ("a grandchild is ended", grandchild),
    (
        "a grandchild of a hanging case is ended",
        grandchild_of_a_hanging_case,
    ),
    ("a panic is a failure with its place", || {
        check(&run(&PANICS), Outcome::Fail, "panicked: ", "harness.rs:")
    }),
    ("a panic that the case catches is its own affair", || {
        check(&run(&PANICS_ASIDE), Outcome::Pass, "", "")
    }),
    ("a failure tells its place", || {
        check(
            &run(&FAILS),
            Outcome::Fail,
            "not as it should be (",
            "harness.rs:",
        )
    }),
    ("an exit without an answer is a failure", || {
        check(&run(&EXITS), Outcome::Fail, "ended without an answer", "")
    }),
    ("a lost descriptor for the answer is a failure", || {
        check(&run(&CLOSES), Outcome::Fail, "ended without an answer", "")
    }),
    ("an unmet requirement is a skip that names it", || {
        check(&run(&NEEDS), Outcome::Skipped, "needs ", "")
    }),
    ("a resource found missing is a skip that names it", || {
        check(&run(&SKIPS), Outcome::Skipped, "no such thing here", "")
    }),
    ("notes of a pass are shown", || {
        check(&run(&NOTES), Outcome::Pass, "seen", "")
    }),
    ("the end of much output is shown", output),
    ("an older kernel must refuse as documented", old_kernel),
    ("a newer kernel must not refuse", new_kernel),
    ("a deviation turns the expectation round", deviation),
    ("results come in the order of the cases", order),
    ("a case that must be alone is", alone),
];

fn main() -> ExitCode {
    conformance::child::enter(CASES);
    let trials = TESTS.iter().map(|(name, test)| Trial::test(*name, *test));
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}
