//! What is measured, and what it may cost.

use serde::Serialize;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Quantity {
    /// Instructions in user space, for each operation.
    Instructions,
    /// System calls, for each round.
    Syscalls,
    /// Heap allocations, for each round.
    Allocations,
}

impl Quantity {
    /// The word, as in names.
    fn word(self) -> &'static str {
        match self {
            Self::Instructions => "instructions",
            Self::Syscalls => "syscalls",
            Self::Allocations => "allocations",
        }
    }
}

/// Who does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Implementation {
    /// `safe::uring::raw`: entries are built and pushed.
    Push,
    /// `safe::uring::raw`: entries are written in the queue.
    Inplace,
    /// `safe::uring::Ring`: files and buffers move in and out.
    Owned,
    /// `safe::uring::Ring`: files and buffers are borrowed.
    Scoped,
    /// `safe::uring::Ring`: results come as events.
    Tagged,
    /// The crate io-uring.
    IoUring,
    /// The C library.
    Liburing,
}

impl Implementation {
    /// How it is called in names.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Inplace => "inplace",
            Self::Owned => "owned",
            Self::Scoped => "scoped",
            Self::Tagged => "tagged",
            Self::IoUring => "io-uring",
            Self::Liburing => "liburing",
        }
    }

    /// What the driver calls it. The driver of liburing knows nothing else.
    pub(super) fn argument(self) -> Option<&'static str> {
        match self {
            Self::Push => Some("push"),
            Self::Inplace => Some("inplace"),
            Self::Owned => Some("owned"),
            Self::Scoped => Some("scoped"),
            Self::Tagged => Some("tagged"),
            Self::IoUring => Some("peer"),
            Self::Liburing => None,
        }
    }

    /// Whether it is measured by the program in C.
    pub(super) fn is_liburing(self) -> bool {
        self == Self::Liburing
    }
}

/// One thing to be measured.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Case {
    /// What is counted.
    pub(super) quantity: Quantity,
    /// Who does it.
    pub(super) implementation: Implementation,
    /// What is done: an operation of the driver.
    pub(super) operation: &'static str,
    /// How many at once.
    pub(super) batch: u32,
    /// The most that it may cost, if there is a goal.
    pub(super) goal: Option<f64>,
}

impl Case {
    /// Whether it is measured when there is little time: what has a goal.
    pub(super) fn in_brief(&self) -> bool {
        self.goal.is_some()
    }

    /// What filters look at.
    pub(super) fn name(&self) -> String {
        let (quantity, implementation) = (self.quantity.word(), self.implementation.word());
        format!(
            "{quantity}/{implementation}/{}/{}",
            self.operation, self.batch
        )
    }
}

/// The operations whose instructions count.
pub(super) const OPERATIONS: [&str; 2] = ["nop", "read4k"];

/// How many operations there are in a round.
pub(super) const BATCHES: [u32; 4] = [1, 8, 32, 128];

/// The most instructions that an operation may take in a batch of 32.
const INSTRUCTIONS: [(Implementation, &str, f64); 10] = [
    (Implementation::Push, "nop", 40.0),
    (Implementation::Push, "read4k", 52.0),
    (Implementation::Inplace, "nop", 32.0),
    (Implementation::Inplace, "read4k", 46.0),
    (Implementation::Owned, "nop", 100.0),
    (Implementation::Owned, "read4k", 130.0),
    (Implementation::Scoped, "nop", 90.0),
    (Implementation::Scoped, "read4k", 115.0),
    (Implementation::Tagged, "nop", 90.0),
    (Implementation::Tagged, "read4k", 115.0),
];

/// NOPs of a ring that has so many operations in flight, which should not matter.
const HELD: [&str; 4] = ["held1", "held128", "held4096", "held32768"];

/// The most instructions that one of them may take: 1.3 times the goal of a ring without others.
const AMONG_HELD: f64 = 130.0;

/// Looks for what native AIO has not, by the raw layer and by the one without `unsafe`, and the most instructions that
/// one may take: a look at the process, one at the ring, and the loop around them.
const LOOKS: [(Implementation, &str, f64); 2] = [
    (Implementation::Push, "aiolook", 12.0),
    (Implementation::Owned, "aiopoll", 26.0),
];

/// Situations, and how often each may enter the kernel.
pub(super) const SITUATIONS: [(&str, u32, f64, &str); 6] = [
    ("peek", 1, 0.0, "looks for a completion where there is none"),
    ("submit", 32, 1.0, "submits 32 entries"),
    ("ready", 1, 0.0, "waits for a completion that is there"),
    (
        "sqpoll",
        32,
        0.0,
        "submits 32 entries to a kernel thread that is awake",
    ),
    (
        "aio",
        32,
        1.0,
        "submits 32 reads by native AIO and takes their results",
    ),
    (
        "aiolook",
        32,
        0.0,
        "looks 32 times for an event of native AIO where there is none",
    ),
];

/// All measurements; those of liburing only if asked for.
pub(super) fn all(liburing: bool) -> Vec<Case> {
    use Implementation::*;
    let mut cases = Vec::new();
    let mut add = |quantity, implementation, operation, batch, goal| {
        cases.push(Case {
            quantity,
            implementation,
            operation,
            batch,
            goal,
        });
    };
    for operation in OPERATIONS {
        for batch in BATCHES {
            for implementation in [Push, Inplace, Owned, Scoped, Tagged, IoUring, Liburing] {
                if implementation == Liburing && !liburing {
                    continue;
                }
                let goal = INSTRUCTIONS
                    .iter()
                    .find(|goal| batch == 32 && (goal.0, goal.1) == (implementation, operation));
                let goal = goal.map(|goal| goal.2);
                add(
                    Quantity::Instructions,
                    implementation,
                    operation,
                    batch,
                    goal,
                );
            }
        }
    }
    for held in HELD {
        add(Quantity::Instructions, Owned, held, 32, Some(AMONG_HELD));
    }
    for (implementation, look, goal) in LOOKS {
        add(Quantity::Instructions, implementation, look, 32, Some(goal));
    }
    for (situation, batch, goal, _) in SITUATIONS {
        add(Quantity::Syscalls, Push, situation, batch, Some(goal));
    }
    for implementation in [Push, Inplace, Owned, Scoped, Tagged] {
        for operation in OPERATIONS {
            add(
                Quantity::Allocations,
                implementation,
                operation,
                32,
                Some(0.0),
            );
        }
    }
    for (situation, batch, ..) in SITUATIONS {
        add(Quantity::Allocations, Push, situation, batch, Some(0.0));
    }
    cases
}
