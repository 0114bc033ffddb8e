//! What is found on the running kernel.

use uring_sys::*;

use super::*;

/// The kernel's own list, where there is one, and what trying finds without it say the same.
#[test]
fn trying_finds_what_the_kernel_lists() {
    let listed = Capabilities::query().unwrap();
    let tried = Capabilities::found(Answers::default()).unwrap();
    assert!(!tried.is_queried());
    if listed.is_queried() {
        assert_eq!(tried.setup, listed.setup);
        assert_eq!(tried.enter, listed.enter);
        assert_eq!(tried.sqe, listed.sqe);
        assert_eq!(tried.features, listed.features);
        assert!(tried.known_registers <= listed.known_registers);
    }
    assert_eq!(tried.registers, listed.registers);
    assert_eq!(tried.opcodes, listed.opcodes);
    assert_eq!(tried.subflags, listed.subflags);
}

/// Sets a bit that no kernel knows in the field that a trial is about.
fn with_unknown_bit(mut sqe: io_uring_sqe) -> io_uring_sqe {
    match sqe.opcode {
        IORING_OP_POLL_ADD | IORING_OP_POLL_REMOVE => sqe.len |= 1 << 20,
        IORING_OP_SEND | IORING_OP_RECV | IORING_OP_SEND_ZC | IORING_OP_ACCEPT => {
            sqe.ioprio |= 1 << 14;
        }
        // The flags of all others lie at the same place.
        _ => sqe.set_rw_flags(sqe.rw_flags() | 1 << 20),
    }
    sqe
}

/// Each trial tells a flag that is known from one that is not.
#[test]
fn no_trial_takes_an_unknown_flag_for_a_known_one() {
    let mut bench = Bench::new().unwrap();
    let mut tried = 0;
    for flag in SubFlag::ALL {
        if let Trial::Entry(entry, results) = flag.trial() {
            let entry = with_unknown_bit(entry(&bench));
            let result = bench.run(entry).unwrap();
            assert!(!results.contains(&result), "{flag:?}: {result}");
            tried += 1;
        }
    }
    assert!(tried >= 35);
    assert!(!bench.buf_ring(1 << 15, 0).unwrap());
    let unknown = crate::uring::raw::types::CloneBuffersFlags::from_bits_retain(1 << 20);
    assert!(!bench.clone_flag(unknown).unwrap());
    assert!(!bench.socket_knows(1 << 20).unwrap());
}

/// Trying a flag does what a program would do with it, and leaves nothing in the way of the next.
#[test]
fn trials_can_be_repeated() {
    let mut bench = Bench::new().unwrap();
    let mut all = || -> Vec<_> {
        let flags = SubFlag::ALL.iter();
        flags
            .map(|flag| match flag.trial() {
                Trial::Entry(entry, results) => {
                    let entry = entry(&bench);
                    results.contains(&bench.run(entry).unwrap())
                }
                Trial::Call(call) => call(&mut bench).unwrap(),
            })
            .collect()
    };
    assert_eq!(all(), all());
}

#[test]
fn what_must_be_there_is_and_what_cannot_be_is_not() {
    let kernel = Capabilities::query().unwrap();
    assert!(kernel.supports_op(IORING_OP_NOP) && kernel.supports_op(IORING_OP_READ));
    assert!(!kernel.supports_op(u8::MAX));
    assert!(kernel.supports_register(IORING_REGISTER_BUFFERS));
    assert!(!kernel.supports_register(63) && !kernel.supports_register(u32::MAX));
    assert!(kernel.features().contains(Features::NODROP));
    assert!(kernel.setup_flags().contains(SetupFlags::CQSIZE));
    assert!(kernel.enter_flags().contains(EnterFlags::GETEVENTS));
    assert!(kernel.sqe_flags().contains(squeue::Flags::IO_LINK));
    assert!(kernel.supports_subflag(SubFlag::TimeoutAbs));
    assert!(!kernel.supports_subflag(SubFlag::PollAddLevel));
}

/// What the kernel says of its own, the ring's builder and probe find too.
#[test]
fn a_flag_that_is_listed_makes_a_ring() {
    let kernel = Capabilities::query().unwrap();
    let mut builder = crate::uring::raw::IoUring::<squeue::Entry>::builder();
    let made = builder.setup_single_issuer().setup_defer_taskrun().build(4);
    let listed = kernel.setup_flags().contains(SetupFlags::DEFER_TASKRUN);
    assert_eq!(made.is_ok(), listed);
}

#[test]
fn the_table_names_everything() {
    let table = Capabilities::query().unwrap().to_string();
    let labels = ["has", "lacks"];
    let names: Vec<_> = table
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .flat_map(|line| line.split(", "))
        .flat_map(|words| words.split("  "))
        .map(|word| word.trim_matches([' ', ',']))
        .filter(|word| !word.is_empty() && !labels.contains(word))
        .collect();
    for name in ["READ_FIXED", "REGISTER_QUERY", "IORING_NOP_TW", "SQ_REWIND"] {
        assert!(names.contains(&name), "{name} is not in\n{table}");
    }
    let flags = named::<SetupFlags>().count()
        + named::<Features>().count()
        + named::<EnterFlags>().count()
        + named::<squeue::Flags>().count();
    let known =
        usize::from(IORING_OP_LAST) + IORING_REGISTER_LAST as usize + flags + SubFlag::ALL.len();
    assert!(
        names.len() >= known,
        "{} of {known} in\n{table}",
        names.len()
    );
    assert!(table.lines().all(|line| line.len() <= 102), "{table}");
}
